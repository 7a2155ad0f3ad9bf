"""Configs inherit with ``_base_ = 'samix_mm::...'``.

MMEngine resolves ``package::path`` only for the packages of a table of its
own, and that before ``custom_imports`` are imported: scripts which load such
a config import samix_mm first, as ``tools/train.py`` does.
"""
from .workaround import Workaround


def _applied() -> bool:
    from mmengine.config.utils import MODULE2PACKAGE
    return 'samix_mm' in MODULE2PACKAGE


def _apply() -> None:
    from mmengine.config.utils import MODULE2PACKAGE
    MODULE2PACKAGE['samix_mm'] = 'samix_mm'


WORKAROUND = Workaround(
    name='package_bases',
    replaces="mmengine.config.utils.MODULE2PACKAGE['samix_mm']",
    why="MMEngine does not know the package of _base_ = 'samix_mm::...'.",
    versions='all of MMEngine',
    needed=lambda: True,
    applied=_applied,
    apply=_apply)
