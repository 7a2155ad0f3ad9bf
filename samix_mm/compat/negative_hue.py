"""``ColorJitter`` turns hues backwards under NumPy 2, as MoCo v2 does.

MMCV adds ``np.uint8`` of a negative number, which NumPy 1 wrapped around and
NumPy 2 refuses with an OverflowError.
"""
import copyreg
import warnings
from typing import Callable, Optional, Tuple

import numpy as np

from .workaround import Workaround, is_of, is_ours, replacement


def _needed() -> bool:
    import mmcv
    if not is_of(mmcv.adjust_hue, 'mmcv'):
        return False
    try:
        with warnings.catch_warnings():  # of what MMCV asks Pillow for
            warnings.simplefilter('ignore')
            mmcv.adjust_hue(
                np.zeros((1, 1, 3), np.uint8), -0.1, backend='pillow')
    except OverflowError:
        return True
    return False


def _applied() -> bool:
    import mmcv
    return is_ours(mmcv.adjust_hue)


def _apply() -> None:
    import mmcv
    from mmpretrain.datasets.transforms import ColorJitter
    adjust_hue = turning_both_ways(mmcv.adjust_hue)
    # where MMPretrain and MMSelfSup look for it
    for module in (mmcv, mmcv.image):
        module.adjust_hue = adjust_hue
    copyreg.pickle(ColorJitter, _reduce)


def turning_both_ways(original: Callable) -> Callable:
    """``mmcv.adjust_hue``, with negative turns of its own."""

    @replacement(original)
    def adjust_hue(img: np.ndarray,
                   hue_factor: float,
                   backend: Optional[str] = None) -> np.ndarray:
        import mmcv
        backend = backend or mmcv.image.io.imread_backend
        if not (-0.5 <= hue_factor < 0 and backend in ('cv2', 'pillow')
                and isinstance(img, np.ndarray) and img.dtype == np.uint8):
            return original(img, hue_factor, backend=backend)
        turn = np.uint8(int(hue_factor * 255) % 256)
        return _turned_by_cv2(img, turn) if backend == 'cv2' else \
            _turned_by_pillow(img, turn)

    return adjust_hue


def _turned_by_cv2(img: np.ndarray, turn: np.uint8) -> np.ndarray:
    import cv2
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += turn
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


def _turned_by_pillow(img: np.ndarray, turn: np.uint8) -> np.ndarray:
    from PIL import Image
    hue, *others = Image.fromarray(img[..., ::-1]).convert('HSV').split()
    hue = Image.fromarray(np.asarray(hue) + turn)
    turned = Image.merge('HSV', (hue, *others)).convert('RGB')
    return np.array(turned)[..., ::-1]


def _reduce(transform: object) -> Tuple[Callable, tuple, dict]:
    """Pickle a ``ColorJitter`` such that a worker which is spawned imports
    this package, and turns hues as its parent does."""
    return _new, (type(transform), ), vars(transform)


def _new(kind: type) -> object:
    return kind.__new__(kind)


WORKAROUND = Workaround(
    name='negative_hue',
    replaces='mmcv.adjust_hue, mmcv.image.adjust_hue, and how '
    'mmpretrain.datasets.transforms.ColorJitter is pickled',
    why='ColorJitter raises an OverflowError as soon as a hue is to be turned '
    'backwards.',
    versions='MMCV with NumPy >= 2',
    needed=_needed,
    applied=_applied,
    apply=_apply)
