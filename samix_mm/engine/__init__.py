from .hooks import (DeferredRuntimeInfoHook, EMAMomentumHook, ExactResumeHook,
                    MaskLossAnnealHook, MixedSampleHook, OnlineClusterHook,
                    PlainCheckpointHook, SafeCheckpointHook)
from .optim_wrappers import CPUAmpOptimWrapper, MergedOptimWrapperConstructor
from .runner import AllHeadsTestLoop, AllHeadsValLoop, KNNTestLoop, KNNValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'CPUAmpOptimWrapper',
    'DeferredRuntimeInfoHook', 'EMAMomentumHook', 'ExactResumeHook',
    'KNNTestLoop', 'KNNValLoop', 'MaskLossAnnealHook',
    'MergedOptimWrapperConstructor', 'MixedSampleHook', 'OnlineClusterHook',
    'PlainCheckpointHook', 'SafeCheckpointHook'
]
