from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .ema_momentum_hook import EMAMomentumHook
from .exact_resume_hook import ExactResumeHook
from .mask_loss_anneal_hook import MaskLossAnnealHook
from .mixed_sample_hook import MixedSampleHook
from .online_cluster_hook import OnlineClusterHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .skipped_step_hook import SkippedStepHook
from .training_check_hook import TrainingCheckHook

__all__ = [
    'DeferredRuntimeInfoHook', 'EMAMomentumHook', 'ExactResumeHook',
    'MaskLossAnnealHook', 'MixedSampleHook', 'OnlineClusterHook',
    'PlainCheckpointHook', 'SafeCheckpointHook', 'SkippedStepHook',
    'TrainingCheckHook'
]
