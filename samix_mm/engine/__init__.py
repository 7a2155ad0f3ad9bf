from .hooks import (DeferredRuntimeInfoHook, EMAMomentumHook,
                    MaskLossAnnealHook, MixedSampleHook, OnlineClusterHook,
                    PlainCheckpointHook)
from .optim_wrappers import CPUAmpOptimWrapper, MergedOptimWrapperConstructor
from .runner import AllHeadsTestLoop, AllHeadsValLoop, KNNTestLoop, KNNValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'CPUAmpOptimWrapper',
    'DeferredRuntimeInfoHook', 'EMAMomentumHook', 'KNNTestLoop', 'KNNValLoop',
    'MaskLossAnnealHook', 'MergedOptimWrapperConstructor', 'MixedSampleHook',
    'OnlineClusterHook', 'PlainCheckpointHook'
]
