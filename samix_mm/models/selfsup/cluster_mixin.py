from typing import Dict, Optional

from torch import Tensor, no_grad

from ..clusters.cluster_head import ClusterHead
from ..clusters.online_clusters import OnlineClusters
from ..encoders.feature_stage import output_channels
from .views import View, embed


class ClusterMixin:
    """The clusters of SAMix-C: their memory (``clusters``), and the head that
    classifies images by cluster (``cluster_head``)."""

    def init_clusters(self, num_clusters: int, feat_dim: int,
                      clusters: Optional[dict]) -> None:
        """Build the parts; :class:`SAMixMoCo` explains the arguments.

        Raises:
            ValueError: If there is no mixing policy to be trained, or an
                argument is out of its range.
        """
        if not self.mixer.trains:
            raise ValueError(
                "variant='cluster' trains the mixing policy, but "
                f'{type(self.mixer).__name__} has nothing to learn or is '
                "frozen; leave out 'variant' or write "
                "mixer=dict(type='Mixer')")
        self.clusters = OnlineClusters(num_clusters, feat_dim,
                                       **(clusters or {}))
        self.cluster_head = ClusterHead(
            output_channels(self.backbone), num_clusters)

    def cluster_losses(self, view: View, index: Tensor) -> Dict[str, Tensor]:
        """Step 3: the cluster head, on clean momentum features.

        Args:
            view (View): Clean images with their pooled features.
            index (Tensor): The images' numbers in the data set, (N, ).

        Returns:
            Dict[str, Tensor]: ``loss_cluster``.
        """
        labels = self.clusters.labels_of(index)  # (N, )
        return dict(loss_cluster=self.cluster_head.loss(view.pooled, labels))

    @no_grad()
    def update_clusters(self, keys: Tensor,
                        index: Tensor) -> Dict[str, Tensor]:
        """Bring the memory of the clusters up to date with this batch.

        Args:
            keys (Tensor): Keys of the images, (N, feat_dim).
            index (Tensor): The images' numbers in the data set, (N, ).

        Returns:
            Dict[str, Tensor]: ``cluster_change``, the share of the batch that
            went to another cluster, and the sizes of clusters.
        """
        change = self.clusters.update(index, keys)
        return dict(cluster_change=change, **self.clusters.log_vars())

    @no_grad()
    def cluster_features(self, view: Tensor) -> Tensor:
        """What the clusters are made of.

        Args:
            view (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: Embeddings by the momentum network, (N, feat_dim).
        """
        return embed(self.momentum_net, view)


def check_clusters(clusters: Optional[dict], variant: str) -> None:
    """Refuse other arguments of clusters where they are not read.

    Args:
        clusters (dict, optional): As in :class:`SAMixMoCo`.
        variant (str): As there.

    Raises:
        TypeError: If they are not a dict.
        ValueError: If the variant has no clusters, or one of them is an
            argument of the algorithm itself.
    """
    if clusters is None:
        return
    if not isinstance(clusters, dict):
        raise TypeError('clusters must be a dict of arguments of '
                        'OnlineClusters such as dict(momentum=0.5), got '
                        f'{clusters!r}')
    if variant != 'cluster':
        raise ValueError(
            f'clusters={clusters} is for the variant with clusters; write '
            f"variant='cluster' or leave it out, got variant={variant!r}")
    if 'num_clusters' in clusters or 'feat_dim' in clusters:
        raise ValueError(
            'num_clusters and feat_dim are arguments of SAMixMoCo itself; '
            f'write them next to clusters, got clusters={clusters}')
