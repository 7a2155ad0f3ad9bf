from typing import Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor


def sample_indices(data_samples: Sequence[BaseDataElement]) -> Tensor:
    """Which images of the data set a batch has.

    Args:
        data_samples (Sequence[BaseDataElement]): N samples with a
            ``sample_idx``: a number, as MMPretrain's ``DataSample`` has it,
            or a structure with a tensor of one number as its ``value``, as
            in MMSelfSup's ``SelfSupDataSample``.

    Returns:
        Tensor: Indices with shape (N, ), on the CPU.

    Raises:
        ValueError: If a sample has no such number.
    """
    found = []
    for sample in data_samples or ():
        index = sample.get('sample_idx')
        found.append(getattr(index, 'value', index))
    if not found or any(index is None for index in found):
        raise ValueError(
            "clustering needs the sample_idx of each image: keep "
            "'sample_idx' in the meta_keys of type='PackInputs' at the end of "
            "the training pipeline, or write algorithm_keys=['sample_idx'] "
            'for PackSelfSupInputs, and let the data set be one of '
            'BaseDataset, which gives each image its number')
    return torch.tensor([int(index) for index in found])
