"""MMEngine's DDP wrapper makes place for the one of this package."""
from .workaround import Workaround, is_of, is_ours

NAME = 'MMDistributedDataParallel'


def _needed() -> bool:
    from mmengine.runner import runner
    return is_of(getattr(runner, NAME, None), 'mmengine')


def _applied() -> bool:
    from mmengine.runner import runner
    return is_ours(getattr(runner, NAME, None))


def _apply() -> None:
    from mmengine.registry import MODEL_WRAPPERS
    from mmengine.runner import runner

    from ..engine.model_wrapper import GuardedDistributedDataParallel
    setattr(runner, NAME, GuardedDistributedDataParallel)
    MODEL_WRAPPERS.register_module(
        NAME, force=True, module=GuardedDistributedDataParallel)


WORKAROUND = Workaround(
    name='model_wrapper',
    replaces=f'mmengine.runner.runner.{NAME}, '
    f"mmengine.registry.MODEL_WRAPPERS['{NAME}']",
    why='The wrapper calls the forward of a model, not its train_step, in '
    'which mixing algorithms skip losses that are not finite; and without an '
    'accelerator it is given a device.',
    versions='all of MMEngine, unless another package has replaced it',
    needed=_needed,
    applied=_applied,
    apply=_apply)
