import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData
from mmpretrain.structures import DataSample

from samix_mm.utils.sample_index import sample_indices


def test_sample_indices_of_both_libraries():
    samples = [DataSample(metainfo=dict(sample_idx=idx)) for idx in (4, 0)]
    selfsup = BaseDataElement()
    selfsup.sample_idx = InstanceData(value=torch.tensor([7]))
    index = sample_indices(samples + [selfsup])
    assert index.tolist() == [4, 0, 7] and index.dtype == torch.long


@pytest.mark.parametrize('samples', [None, [], [DataSample()]])
def test_refuses_samples_without_numbers(samples):
    with pytest.raises(ValueError, match="'sample_idx' in the meta_keys of "
                       "type='PackInputs'"):
        sample_indices(samples)
