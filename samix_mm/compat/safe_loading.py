"""Checkpoints are read without running code from them."""
from .workaround import Workaround, is_ours


def _applied() -> bool:
    from mmengine.runner.checkpoint import CheckpointLoader
    return is_ours(CheckpointLoader._schemes.get(''))


def _apply() -> None:
    from ..checkpoints.schemes import register_safe_loaders
    register_safe_loaders()


WORKAROUND = Workaround(
    name='safe_loading',
    replaces='the loaders of mmengine.runner.checkpoint.CheckpointLoader',
    why='MMEngine runs whatever code a checkpoint holds (weights_only=False), '
    'or cannot load its own files under PyTorch >= 2.6.',
    versions='all of MMEngine',
    needed=lambda: True,
    applied=_applied,
    apply=_apply,
    in_all=False)
