from .mixer import Mixer
from .mixing_policy import MixingPolicy

__all__ = ['Mixer', 'MixingPolicy']
