from .all_heads_loops import AllHeadsTestLoop, AllHeadsValLoop
from .knn_loops import KNNTestLoop, KNNValLoop

__all__ = [
    'AllHeadsTestLoop', 'AllHeadsValLoop', 'KNNTestLoop', 'KNNValLoop'
]
