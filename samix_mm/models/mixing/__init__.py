from .blending import adjust_mask, blend
from .method import MaskMethod, MixingMethod
from .methods import (CutMix, FMix, ManifoldMix, MixUp, RandomChoice,
                      ResizeMix, SAMix, Vanilla)
from .mixture import Mixture
from .pairing import Pairing
from .sources import Sources

__all__ = [
    'CutMix', 'FMix', 'ManifoldMix', 'MaskMethod', 'MixUp', 'MixingMethod',
    'Mixture', 'Pairing', 'RandomChoice', 'ResizeMix', 'SAMix', 'Sources',
    'Vanilla', 'adjust_mask', 'blend'
]
