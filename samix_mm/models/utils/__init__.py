from .blending import adjust_mask, blend
from .feature_tap import Tap, find_tap, forward_to_tap
from .lam import Lam, lam_like, sample_lam
from .momentum_twin import MomentumTwin
from .pair_stream import Pair, PairStream
from .validation import check_unit_interval

__all__ = [
    'Lam', 'MomentumTwin', 'Pair', 'PairStream', 'Tap', 'adjust_mask',
    'blend', 'check_unit_interval', 'find_tap', 'forward_to_tap', 'lam_like',
    'sample_lam'
]
