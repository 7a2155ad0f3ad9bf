from .blending import adjust_mask, blend
from .method import MixingPolicy
from .methods import CutMix, MixUp
from .pairing import Pair, PairStream

__all__ = [
    'CutMix', 'MixUp', 'MixingPolicy', 'Pair', 'PairStream', 'adjust_mask',
    'blend'
]
