from .cutmix import CutMix
from .fmix import FMix
from .manifoldmix import ManifoldMix
from .mixup import MixUp
from .random_choice import RandomChoice
from .resizemix import ResizeMix
from .samix import SAMix
from .vanilla import Vanilla

__all__ = [
    'CutMix', 'FMix', 'ManifoldMix', 'MixUp', 'RandomChoice', 'ResizeMix',
    'SAMix', 'Vanilla'
]
