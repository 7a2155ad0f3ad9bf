from abc import abstractmethod
from typing import Dict, Tuple

from mmengine.model import BaseModule
from torch import Tensor

from ..utils.lam import Lam


class MixingPolicy(BaseModule):
    """How a pair of images becomes a mask.

    A new policy is a subclass with a :meth:`forward`; algorithms ask for
    nothing else.

    Attributes:
        needs_features (bool): Whether the policy works on momentum features.
            One that does not gets the images in their place, and costs no
            pass of the momentum network.
        learnable (bool): Whether it has something to learn. Masks of one that
            has not are taken as they are, and labels follow the share which
            they show.
    """

    needs_features: bool = True
    learnable: bool = True

    @abstractmethod
    def forward(self, feat_i: Tensor, feat_j: Tensor, lam: Lam,
                size: Tuple[int, int]) -> Tensor:
        """Make the mask of each pair.

        Args:
            feat_i (Tensor): Momentum features of the first images, shape
                (N, C, h, w); without ``needs_features`` the images.
            feat_j (Tensor): Momentum features of their partners, same shape.
            lam (float | Tensor): Share of the first image in [0, 1], one
                number or shape (N, ).
            size (Tuple[int, int]): Height and width of the images, (H, W).

        Returns:
            Tensor: The share of the first image at each pixel, shape
            (N, 1, H, W), in [0, 1].
        """

    def set_in_channels(self, in_channels: int) -> None:
        """Tell the policy the channels of the features, which the algorithm
        knows from the backbone. A policy without use for them ignores it.

        Args:
            in_channels (int): Channels C of the features.
        """

    def log_vars(self) -> Dict[str, Tensor]:
        """Scalars that an algorithm logs at each interval.

        Returns:
            Dict[str, Tensor]: Detached scalars by name; none has "loss" in
            its name, which MMEngine would add up.
        """
        return {}
