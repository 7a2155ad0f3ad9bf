import numpy as np
import pytest
from mmengine.registry import DATASETS
from sklearn.datasets import load_digits

from samix_mm.datasets import Digits


def test_the_split_is_fixed_and_complete():
    train, test = Digits('train'), Digits('test')
    assert (len(train), len(test)) == (1437, 360)
    source = load_digits()
    tested = source.images[::5]
    for index in (0, 17, 359):
        image = test[index]['img']
        assert image.shape == (8, 8, 3)
        assert image.dtype == np.uint8
        np.testing.assert_allclose(
            image[..., 0], tested[index] * 255 / 16, atol=0.5)
        assert (image == image[..., :1]).all()
        assert test[index]['gt_label'] == source.target[::5][index]
    pixels = {sample['img'].tobytes() for sample in train}
    shared = sum(sample['img'].tobytes() in pixels for sample in test)
    assert shared == 0


def test_all_classes_are_in_both_splits():
    for split in ('train', 'test'):
        data = Digits(split)
        assert len(data.CLASSES) == 10
        assert set(data.get_gt_labels().tolist()) == set(range(10))


def test_it_takes_a_pipeline_and_is_registered():
    data = DATASETS.build(
        dict(
            type='Digits',
            split='test',
            indices=3,
            pipeline=[
                dict(type='mmpretrain.Resize', scale=16),
                dict(type='mmpretrain.PackInputs')
            ]))
    assert len(data) == 3
    assert data[0]['inputs'].shape == (3, 16, 16)


def test_unknown_split():
    with pytest.raises(ValueError, match=r"split must be one of .*'val'"):
        Digits('val')
