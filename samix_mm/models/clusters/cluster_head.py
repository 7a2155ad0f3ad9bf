from typing import List, Optional, Union

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.validation import check_count


@MODELS.register_module()
class ClusterHead(BaseModule):
    r"""Linear classifier of clusters, :math:`g_\psi^C` (Sec. A.1.3).

    Args:
        in_channels (int): Channels of the feature vectors.
        num_clusters (int): Number of clusters, 2 or more.
        init_cfg (dict or List[dict], optional): Defaults to a normal
            distribution with a deviation of 0.01, as MMPretrain's
            ``LinearClsHead``.

    Raises:
        ValueError: If there are fewer than two clusters.
    """

    def __init__(
        self,
        in_channels: int,
        num_clusters: int,
        init_cfg: Optional[Union[dict, List[dict]]] = dict(
            type='Normal', layer='Linear', std=0.01)
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        check_count('num_clusters', num_clusters, least=2)
        self.fc = nn.Linear(in_channels, num_clusters)

    def loss(self, feats: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy that trains the head.

        Args:
            feats (Tensor): Feature vectors with shape (N, in_channels). The
                loss does not reach what made them.
            labels (Tensor): Clusters with shape (N, ).

        Returns:
            Tensor: The loss, a scalar.
        """
        return F.cross_entropy(self.fc(feats.detach()), labels)

    def classify_frozen(self, feats: Tensor) -> Tensor:
        """Scores whose gradient reaches the features, never the head.

        Args:
            feats (Tensor): Feature vectors with shape (N, in_channels).

        Returns:
            Tensor: Logits with shape (N, num_clusters).
        """
        return F.linear(feats, self.fc.weight.detach(), self.fc.bias.detach())
