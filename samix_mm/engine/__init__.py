from .hooks import (EMAMomentumHook, MaskLossAnnealHook, MixedSampleHook,
                    PlainCheckpointHook)
from .runner import AllHeadsTestLoop, AllHeadsValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'EMAMomentumHook',
    'MaskLossAnnealHook', 'MixedSampleHook', 'PlainCheckpointHook'
]
