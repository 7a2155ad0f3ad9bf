"""What the package needs of the MM stack it finds, and says when it is not so.

MM packages are no hard requirements of the distribution: mmcv and mmcv-lite
share one import name, and the ``onedl-*`` forks share all of them, so what
counts is what can be imported.
"""
import os.path as osp
import sys
from functools import partial, wraps
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Callable, Optional

import numpy as np

# Import name -> (lowest version, command that mends its absence or its age).
MM_PACKAGES = {
    'mmengine': ('0.8.3', 'pip install -U "mmengine>=0.10.7"'),
    'mmcv': ('2.0.0', 'pip install -U "mmcv-lite>=2.0.1"'),
    'mmpretrain': ('1.0.0', 'pip install -U "mmpretrain>=1.2.0"'),
}


def require_mm_packages() -> None:
    """Check that the MM packages can be imported and are recent enough.

    Raises:
        ImportError: If one is missing or older than the lowest version that
            works; the message is one sentence with the command that mends it.
    """
    for name, (lowest, command) in MM_PACKAGES.items():
        try:
            found = import_module(name).__version__
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(
                f'samix_mm needs {name}>={lowest}, which is not installed; '
                f'run `{command}`.') from None
        # Only here is mmengine known to be importable.
        from mmengine.utils import digit_version
        if digit_version(found) < digit_version(lowest):
            raise ImportError(f'samix_mm needs {name}>={lowest}, but {found} '
                              f'is installed; run `{command}`.')


def allow_package_bases() -> None:
    """Let configs inherit with ``_base_ = 'samix_mm::...'``.

    MMEngine resolves ``package::path`` only for the packages of a table of
    its own, and that before ``custom_imports`` are imported: scripts which
    load such a config import samix_mm first, as ``tools/train.py`` does.
    """
    from mmengine.config.utils import MODULE2PACKAGE
    MODULE2PACKAGE.setdefault('samix_mm', 'samix_mm')


def mend_mmselfsup() -> None:
    """Give MMSelfSup 1.0.0 the module that its registry names but its package
    lacks; under MMEngine 0.10 it fails at the first look-up otherwise."""
    spec = find_spec('mmselfsup')
    if spec is None or spec.origin is None:
        return
    # Looking for the submodule itself would import the package.
    engine = osp.join(osp.dirname(spec.origin), 'engine')
    if not any(osp.exists(osp.join(engine, name))
               for name in ('runner', 'runner.py')):
        name = 'mmselfsup.engine.runner'
        sys.modules.setdefault(name, ModuleType(name))


def mend_negative_hue() -> None:
    """Let ``ColorJitter`` turn hues backwards under NumPy 2, as MoCo v2 does.

    MMCV adds ``np.uint8`` of a negative number, which NumPy 1 wrapped around
    and NumPy 2 refuses with an OverflowError.
    """
    import mmcv  # only now known to be there
    adjust_hue = mmcv.adjust_hue
    try:
        adjust_hue(np.zeros((1, 1, 3), np.uint8), -0.1, backend='pillow')
    except OverflowError:
        mended = partial(_adjust_hue, adjust_hue)
        # where MMPretrain and MMSelfSup look for it
        for module in (mmcv, mmcv.image):
            module.adjust_hue = mended


def _adjust_hue(original: Callable,
                img: np.ndarray,
                hue_factor: float,
                backend: Optional[str] = None) -> np.ndarray:
    """``mmcv.adjust_hue``, with negative turns of its own for Pillow."""
    import mmcv
    from PIL import Image
    backend = backend or mmcv.image.io.imread_backend
    if backend != 'pillow' or not -0.5 <= hue_factor < 0:
        return original(img, hue_factor, backend=backend)
    hue, *others = Image.fromarray(img[..., ::-1]).convert('HSV').split()
    turned = (np.asarray(hue, np.int16) + int(hue_factor * 255)) % 256
    hue = Image.fromarray(turned.astype(np.uint8))
    turned = Image.merge('HSV', (hue, *others)).convert('RGB')
    return np.array(turned)[..., ::-1]


def mend_scoped_collate() -> None:
    """Let configs inherit a ``collate_fn`` with ``_base_ = 'package::...'``.

    MMEngine writes ``_scope_`` into every inherited dict with a ``type``, and
    hands what is left of that one to the function.
    """
    from mmengine.registry import FUNCTIONS
    for name in ('default_collate', 'pseudo_collate'):
        FUNCTIONS.register_module(
            name, force=True, module=_without_scope(FUNCTIONS.get(name)))


def _without_scope(collate: Callable) -> Callable:

    @wraps(collate)
    def collate_unscoped(data_batch, _scope_: Optional[str] = None):
        return collate(data_batch)

    return collate_unscoped
