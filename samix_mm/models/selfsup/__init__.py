from .mix_moco import MixMoCo
from .objectives import ClusterObjective, InfoNCEObjective, MixingObjective
from .samix_moco import SAMixMoCo

__all__ = [
    'ClusterObjective', 'InfoNCEObjective', 'MixMoCo', 'MixingObjective',
    'SAMixMoCo'
]
