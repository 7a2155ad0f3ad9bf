from .cutmix import CutMix
from .mixer import Mixer
from .mixing_policy import MixingPolicy
from .mixup import MixUp

__all__ = ['CutMix', 'MixUp', 'Mixer', 'MixingPolicy']
