from .cluster_head import ClusterHead
from .online_clusters import OnlineClusters

__all__ = ['ClusterHead', 'OnlineClusters']
