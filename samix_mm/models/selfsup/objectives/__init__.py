from .cluster_objective import ClusterObjective
from .info_nce_objective import InfoNCEObjective
from .mixing_objective import MixingObjective

__all__ = ['ClusterObjective', 'InfoNCEObjective', 'MixingObjective']
