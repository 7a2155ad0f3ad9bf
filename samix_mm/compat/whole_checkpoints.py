"""``--resume`` finds the newest checkpoint that is whole."""
from .workaround import Workaround, is_of, is_ours

NAME = 'find_latest_checkpoint'


def _needed() -> bool:
    from mmengine.runner import runner
    return is_of(getattr(runner, NAME, None), 'mmengine')


def _applied() -> bool:
    from mmengine.runner import runner
    return is_ours(getattr(runner, NAME, None))


def _apply() -> None:
    from ..checkpoints.resuming import resume_from_whole_checkpoints
    resume_from_whole_checkpoints()


WORKAROUND = Workaround(
    name='whole_checkpoints',
    replaces=f'mmengine.runner.runner.{NAME}, '
    f'mmengine.runner._flexible_runner.{NAME}',
    why='MMEngine resumes from the file that last_checkpoint names, and stops '
    'with a traceback if that one is damaged or gone.',
    versions='all of MMEngine, unless another package has replaced it',
    needed=_needed,
    applied=_applied,
    apply=_apply)
