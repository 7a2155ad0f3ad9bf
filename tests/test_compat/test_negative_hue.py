import colorsys
import copy
import pickle

import mmcv
import numpy as np
import pytest
from mmpretrain.datasets.transforms import ColorJitter

import samix_mm  # noqa: F401
from samix_mm.compat.negative_hue import turning_both_ways


@pytest.mark.parametrize('adjust_hue', [
    lambda: mmcv.adjust_hue,
    lambda: turning_both_ways(mmcv.image.photometric.adjust_hue)
])
@pytest.mark.parametrize('backend, atol', [('pillow', 6), ('cv2', 9)])
@pytest.mark.parametrize('factor', [-0.5, -0.1, -0.004, 0., 0.1])
def test_hues_turn_both_ways(adjust_hue, factor, backend, atol):
    """Pixel by pixel as the standard library turns them, to the rounding of
    an HSV of 8 bits."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    turned = adjust_hue()(image, factor, backend=backend)
    assert turned.dtype == np.uint8 and turned.shape == image.shape
    for before, after in zip(image.reshape(-1, 3), turned.reshape(-1, 3)):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before[::-1] / 255))
        hue += int(factor * 255) / 255
        expected = 255 * np.array(
            colorsys.hsv_to_rgb(hue % 1, saturation, value))
        np.testing.assert_allclose(after[::-1], expected, atol=atol)


def test_what_is_wrong_keeps_mmcvs_own_error():
    adjust_hue = turning_both_ways(mmcv.image.photometric.adjust_hue)
    with pytest.raises(ValueError, match='hue_factor'):
        adjust_hue(np.zeros((2, 2, 3), np.uint8), -0.6, backend='pillow')
    with pytest.raises(ValueError, match='backend'):
        adjust_hue(np.zeros((2, 2, 3), np.uint8), -0.1, backend='x')
    with pytest.raises(TypeError, match='ndarray'):
        adjust_hue([[1]], -0.1, backend='pillow')


def test_a_color_jitter_is_copied_and_pickled_whole():
    jitter = ColorJitter(brightness=0.4, hue=0.1, backend='pillow')
    for other in (copy.deepcopy(jitter), pickle.loads(pickle.dumps(jitter))):
        assert type(other) is ColorJitter
        assert vars(other) == vars(jitter)
