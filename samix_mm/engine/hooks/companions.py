from mmengine.runner import Runner

from ...utils.unwrapping import unwrap
from .mask_loss_anneal_hook import MaskLossAnnealHook
from .online_cluster_hook import OnlineClusterHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .skipped_step_hook import SkippedStepHook
from .training_check_hook import TrainingCheckHook


def register_companions(runner: Runner) -> None:
    """Register the hooks that a mixing algorithm wants and the config leaves
    out, with their defaults.

    Args:
        runner (Runner): Before training.
    """
    model = unwrap(runner.model)
    companions = [TrainingCheckHook, SkippedStepHook, PlainCheckpointHook]
    if hasattr(getattr(model, 'mixing', None), 'mask_loss_weight'):
        companions.append(MaskLossAnnealHook)
    if getattr(model, 'clusters', None) is not None:
        companions.append(OnlineClusterHook)
    for companion in companions:
        if not any(isinstance(hook, companion) for hook in runner.hooks):
            runner.register_hook(companion())
