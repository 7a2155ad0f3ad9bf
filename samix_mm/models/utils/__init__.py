from .blending import adjust_mask, blend
from .feature_tap import Tap, find_tap, forward_to_tap
from .lam import Lam, lam_like, sample_lam
from .momentum_twin import MomentumTwin
from .online_clusters import OnlineClusters
from .pair_stream import Pair, PairStream
from .sample_index import sample_indices
from .validation import check_unit_interval

__all__ = [
    'Lam', 'MomentumTwin', 'OnlineClusters', 'Pair', 'PairStream', 'Tap',
    'adjust_mask', 'blend', 'check_unit_interval', 'find_tap',
    'forward_to_tap', 'lam_like', 'sample_indices', 'sample_lam'
]
