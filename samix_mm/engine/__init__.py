from .hooks import (DeferredRuntimeInfoHook, EMAMomentumHook, ExactResumeHook,
                    MaskLossAnnealHook, MixedSampleHook, OnlineClusterHook,
                    PlainCheckpointHook, SafeCheckpointHook, SkippedStepHook,
                    TrainingCheckHook)
from .model_wrapper import GuardedDistributedDataParallel
from .optim_wrappers import CPUAmpOptimWrapper, MergedOptimWrapperConstructor
from .runner import AllHeadsTestLoop, AllHeadsValLoop, KNNTestLoop, KNNValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'CPUAmpOptimWrapper',
    'DeferredRuntimeInfoHook', 'EMAMomentumHook', 'ExactResumeHook',
    'GuardedDistributedDataParallel', 'KNNTestLoop', 'KNNValLoop',
    'MaskLossAnnealHook', 'MergedOptimWrapperConstructor', 'MixedSampleHook',
    'OnlineClusterHook', 'PlainCheckpointHook', 'SafeCheckpointHook',
    'SkippedStepHook', 'TrainingCheckHook'
]
