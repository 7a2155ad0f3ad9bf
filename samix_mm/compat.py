"""What the package needs of the MM stack it finds, and says when it is not so.

MM packages are no hard requirements of the distribution: mmcv and mmcv-lite
share one import name, and the ``onedl-*`` forks share all of them, so what
counts is what can be imported.
"""
from importlib import import_module

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
