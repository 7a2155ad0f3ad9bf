import numpy as np
import pytest
import torch
from mmpretrain.models import ClsDataPreprocessor

from samix_mm.visualization import denormalize, mixed_grid


@pytest.mark.parametrize('to_rgb', [False, True])
def test_denormalize_undoes_the_preprocessor(to_rgb):
    preprocessor = ClsDataPreprocessor(
        mean=[120., 110., 100.], std=[60., 50., 40.], to_rgb=to_rgb)
    images = torch.randint(0, 256, (2, 3, 4, 5)).byte()
    inputs = preprocessor(dict(inputs=images))['inputs']
    expected = images.flip(1) if to_rgb else images
    torch.testing.assert_close(
        denormalize(inputs, preprocessor), expected.float(), rtol=0,
        atol=1e-4)


def test_denormalize_without_normalisation():
    images = torch.tensor([-3., 7., 300.]).view(1, 3, 1, 1)
    out = denormalize(images, ClsDataPreprocessor())
    assert out.flatten().tolist() == [0., 7., 255.]


def test_layout():
    """Two rows for each pair, a column for each ratio between the pair."""
    height, width = 3, 5
    first = torch.tensor([10., 20.]).view(2, 1, 1, 1)
    second = torch.tensor([110., 220.]).view(2, 1, 1, 1)
    first, second = (
        image.expand(2, 3, height, width).clone() for image in (first, second))
    masks = torch.tensor([[0., 0.25, 1.], [0.5, 0.2, 1.]])
    masks = masks.view(2, 3, 1, 1).expand(2, 3, height, width)
    mixed = torch.tensor([[110, 85, 10], [120, 180, 20]]).view(2, 3, 1, 1, 1)
    mixed = mixed.expand(2, 3, 3, height, width)
    picture = mixed_grid(first, second, masks, mixed)
    assert picture.shape == (4 * height, 5 * width, 3)
    assert picture.dtype == np.uint8
    blocks = picture.reshape(4, height, 5, width, 3)
    assert (blocks == blocks[:, :1, :, :1, :1]).all()
    expected = [
        [10, 0, 64, 255, 110],  # masks
        [10, 110, 85, 10, 110],  # mixed
        [20, 128, 51, 255, 220],
        [20, 120, 180, 20, 220],
    ]
    assert blocks[:, 0, :, 0, 0].tolist() == expected


def test_pixels_and_colours_keep_their_places():
    images = torch.randint(0, 256, (2, 3, 4, 6)).float()
    masks = torch.rand(1, 1, 4, 6)
    mixed = torch.randint(0, 256, (1, 1, 3, 4, 6)).float()
    picture = mixed_grid(images[:1], images[1:], masks, mixed)
    upper, lower = picture[:4], picture[4:]
    for image, columns in ((images[0], slice(6)), (images[1], slice(12, 18))):
        expected = image.permute(1, 2, 0).numpy()
        assert (upper[:, columns] == expected).all()
        assert (lower[:, columns] == expected).all()
    assert (lower[:, 6:12] == mixed[0, 0].permute(1, 2, 0).numpy()).all()
    shares = 255 * masks[0, 0].unsqueeze(2).numpy()
    assert np.abs(upper[:, 6:12] - shares).max() <= 0.51
