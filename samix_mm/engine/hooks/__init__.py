from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .ema_momentum_hook import EMAMomentumHook
from .mask_loss_anneal_hook import MaskLossAnnealHook
from .mixed_sample_hook import MixedSampleHook
from .online_cluster_hook import OnlineClusterHook
from .plain_checkpoint_hook import PlainCheckpointHook

__all__ = [
    'DeferredRuntimeInfoHook', 'EMAMomentumHook', 'MaskLossAnnealHook',
    'MixedSampleHook', 'OnlineClusterHook', 'PlainCheckpointHook'
]
