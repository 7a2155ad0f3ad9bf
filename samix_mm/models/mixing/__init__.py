from .batch_augments import MixingAugment
from .blending import adjust_mask, blend
from .method import MaskMethod, MixingMethod
from .methods import (CutMix, FMix, ManifoldMix, MixUp, RandomChoice,
                      ResizeMix, SAMix, Vanilla)
from .mixture import Mixture
from .pairing import Pairing
from .random_stream import RandomStream
from .sources import Sources

__all__ = [
    'CutMix', 'FMix', 'ManifoldMix', 'MaskMethod', 'MixUp', 'MixingAugment',
    'MixingMethod', 'Mixture', 'Pairing', 'RandomChoice', 'RandomStream',
    'ResizeMix', 'SAMix', 'Sources', 'Vanilla', 'adjust_mask', 'blend'
]
