from typing import Any, Dict, List, Optional

from mmengine.structures import BaseDataElement
from torch import Tensor, nn, no_grad

from ....registry import MODELS
from ....utils.pooling import pool
from ....utils.sample_index import sample_indices
from ....utils.validation import check_count
from ...clusters import ClusterHead, OnlineClusters
from ...encoders.feature_stage import output_channels
from ...losses.eta_balanced_cross_entropy import eta_balanced_cross_entropy
from ...mixing import Mixture
from ..views import MatchedViews
from .mixing_objective import MixingObjective


@MODELS.register_module()
class ClusterObjective(MixingObjective):
    r"""The :math:`\eta`-balanced cross-entropy of a cluster head, whose labels
    are found by online clustering (Secs. 3.2, A.1.3): what the Mixer of
    SAMix-C learns by.

    The cluster head learns from clean momentum features alone. Images need
    numbers of their own (``sample_idx``).

    Args:
        num_clusters (int): Number of clusters C. Defaults to 200.
        **clusters: Other arguments of
            :class:`~samix_mm.models.OnlineClusters`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    needs_pooled = True

    def __init__(self, num_clusters: int = 200, **clusters: Any) -> None:
        super().__init__()
        if 'feat_dim' in clusters:
            raise TypeError('feat_dim is an argument of the algorithm; write '
                            'it there')
        self.num_clusters = check_count('num_clusters', num_clusters, least=2)
        self._clusters_cfg = clusters
        # Wrong arguments are to be known before the backbone is.
        OnlineClusters(num_clusters, feat_dim=1, **clusters)

    def set_up(self, backbone: nn.Module, feat_dim: int,
               temperature: float) -> None:
        """See :meth:`MixingObjective.set_up`."""
        self.clusters = OnlineClusters(self.num_clusters, feat_dim,
                                       **self._clusters_cfg)
        self.cluster_head = ClusterHead(
            output_channels(backbone), self.num_clusters)

    def index_of(self, data_samples: Optional[List[BaseDataElement]]
                 ) -> Tensor:
        """See :meth:`MixingObjective.index_of`."""
        return sample_indices(data_samples)

    def labels_of(self, index: Tensor) -> Tensor:
        """See :meth:`MixingObjective.labels_of`."""
        return self.clusters.labels_of(index)

    def mixture_loss(self, momentum_net: nn.Module, views: MatchedViews,
                     mixture: Mixture, eta: float) -> Tensor:
        """See :meth:`MixingObjective.mixture_loss`."""
        labels = self.labels_of(views.index)[mixture.index]  # (M, 2)
        pooled = pool(momentum_net.backbone(mixture.inputs))  # (M, C_out)
        cls_score = self.cluster_head.classify_frozen(pooled)  # (M, C)
        return eta_balanced_cross_entropy(cls_score, *labels.unbind(dim=1),
                                          mixture.shares[:, 0], eta).mean()

    def own_losses(self, views: MatchedViews) -> Dict[str, Tensor]:
        """``loss_cluster``, which trains the cluster head; see
        :meth:`MixingObjective.own_losses`."""
        labels = self.labels_of(views.index)  # (N, )
        return dict(
            loss_cluster=self.cluster_head.loss(views.first.pooled, labels))

    @no_grad()
    def update(self, index: Tensor, keys: Tensor) -> Dict[str, Tensor]:
        """Bring the memory of the clusters up to date; see
        :meth:`MixingObjective.update`.

        Returns:
            Dict[str, Tensor]: ``cluster_change``, the share of the batch that
            went to another cluster, and the sizes of clusters.
        """
        change = self.clusters.update(index, keys)
        return dict(cluster_change=change, **self.clusters.log_vars())
