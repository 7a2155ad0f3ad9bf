from abc import abstractmethod
from typing import Dict, List, Optional

from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ...mixing import Mixture
from ..views import MatchedViews


class MixingObjective(BaseModule):
    """What a mixing method learns by without labels: the base class.

    Attributes:
        needs_pooled (bool): Whether :attr:`View.pooled` is needed.
    """

    needs_pooled: bool = False

    def set_up(self, backbone: nn.Module, feat_dim: int,
               temperature: float) -> None:
        """Take what depends on the algorithm.

        Args:
            backbone (nn.Module): The online network's.
            feat_dim (int): Length of an embedding.
            temperature (float): Of all contrastive losses.
        """

    def index_of(self, data_samples: Optional[List[BaseDataElement]]
                 ) -> Optional[Tensor]:
        """Numbers of the images in the data set, (N, ), if they are needed."""
        return None

    def labels_of(self, index: Optional[Tensor]) -> Optional[Tensor]:
        """Pseudo-labels of images, (N, ), if the objective has any.

        Args:
            index (Tensor, optional): As by :meth:`index_of`.
        """
        return None

    @abstractmethod
    def mixture_loss(self, momentum_net: nn.Module, views: MatchedViews,
                     mixture: Mixture, eta: float) -> Tensor:
        """The eta-balanced loss of mixed images (Eq. 8).

        Args:
            momentum_net (nn.Module): The frozen momentum network.
            views (MatchedViews): What was mixed.
            mixture (Mixture): M images, mixed from two sources each.
            eta (float): Weight of the global term, in [0, 1].

        Returns:
            Tensor: The loss, a scalar.
        """

    def own_losses(self, views: MatchedViews) -> Dict[str, Tensor]:
        """Losses that train the objective itself, on clean images.

        Args:
            views (MatchedViews): The views of the batch.

        Returns:
            Dict[str, Tensor]: Losses by name.
        """
        return {}

    def update(self, index: Optional[Tensor],
               keys: Tensor) -> Dict[str, Tensor]:
        """Take note of a batch, once the losses need nothing that changes.

        Args:
            index (Tensor, optional): As by :meth:`index_of`.
            keys (Tensor): Momentum embeddings of view k, (N, feat_dim).

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        return {}
