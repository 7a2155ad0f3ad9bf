"""What a checkpoint says of files and steps is checked against the run."""
from .workaround import Workaround, is_of, is_ours

NAME = 'after_load_checkpoint'


def _needed() -> bool:
    from mmengine.hooks import CheckpointHook
    return is_of(getattr(CheckpointHook, NAME, None), 'mmengine')


def _applied() -> bool:
    from mmengine.hooks import CheckpointHook
    return is_ours(getattr(CheckpointHook, NAME, None))


def _apply() -> None:
    from ..checkpoints.trusted_fields import guard_stock_runs
    guard_stock_runs()


WORKAROUND = Workaround(
    name='judged_fields',
    replaces=f'mmengine.hooks.CheckpointHook.{NAME}',
    why='MMEngine removes the file or directory that a checkpoint names as '
    'the best one, wherever it is, and goes through as many batches as it '
    'says.',
    versions='all of MMEngine',
    needed=_needed,
    applied=_applied,
    apply=_apply,
    in_all=False)
