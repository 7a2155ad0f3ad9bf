"""One sentence about an MM package that is missing or too old.

MM packages are no hard requirements of the distribution: mmcv and mmcv-lite
share one import name, and the ``onedl-*`` forks share all of them, so what
counts is what can be imported.
"""
from importlib import import_module
from typing import Optional

from .workaround import Workaround

# Import name -> (lowest version, command that installs or updates it).
MM_PACKAGES = {
    'mmengine': ('0.8.3', 'pip install -U "mmengine>=0.10.7"'),
    'mmcv': ('2.0.0', 'pip install -U "mmcv-lite>=2.0.1"'),
    'mmpretrain': ('1.0.0', 'pip install -U "mmpretrain>=1.2.0"'),
}


def require_mm_packages() -> None:
    """Check that the MM packages can be imported and are recent enough.

    Raises:
        ImportError: If one is missing or older than the lowest version that
            works; the message is one sentence with a command.
    """
    complaint = _complaint()
    if complaint is not None:
        raise ImportError(complaint)


def _complaint() -> Optional[str]:
    for name, (lowest, command) in MM_PACKAGES.items():
        try:
            found = import_module(name).__version__
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            return (f'samix_mm needs {name}>={lowest}, which is not '
                    f'installed; run `{command}`.')
        # Only here is mmengine known to be importable.
        from mmengine.utils import digit_version
        if digit_version(found) < digit_version(lowest):
            return (f'samix_mm needs {name}>={lowest}, but {found} is '
                    f'installed; run `{command}`.')
    return None


WORKAROUND = Workaround(
    name='requirements',
    replaces='nothing: the import stops with a sentence',
    why='A missing or outdated MM package shows as an error deep inside it.',
    versions=', '.join(f'{name} < {lowest}'
                       for name, (lowest, _) in MM_PACKAGES.items()),
    needed=lambda: _complaint() is not None,
    applied=lambda: False,
    apply=require_mm_packages)
