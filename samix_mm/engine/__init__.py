from .hooks import (EMAMomentumHook, MaskLossAnnealHook, MixedSampleHook,
                    PlainCheckpointHook)
from .optim_wrappers import CPUAmpOptimWrapper
from .runner import AllHeadsTestLoop, AllHeadsValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'CPUAmpOptimWrapper',
    'EMAMomentumHook', 'MaskLossAnnealHook', 'MixedSampleHook',
    'PlainCheckpointHook'
]
