from abc import abstractmethod
from typing import Any, Dict, List, Optional, Tuple, Union

from mmengine.model import BaseModule
from torch import Tensor

from ...utils.lam import Lam
from ...utils.pretrained import require_pretrained
from ...utils.validation import check_flag
from .pairing import Pair


class MixingPolicy(BaseModule):
    """How a pair of images becomes a mask.

    A new policy is a subclass with a :meth:`forward`. Algorithms call
    :meth:`project` once a batch and :meth:`masks` for each set of pairs; a
    policy that can share work between these sets overrides both.

    Args:
        frozen (bool): Whether the policy is used as it is, say pre-trained:
            algorithms do not train it, which saves a pass of the momentum
            network, and it stays in evaluation mode. Defaults to False.
        init_cfg (dict or List[dict], optional): Initialization config.
            Defaults to None.

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

    def __init__(
            self,
            frozen: bool = False,
            init_cfg: Optional[Union[dict, List[dict]]] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.frozen = check_flag('frozen', frozen)

    @property
    def trains(self) -> bool:
        """Whether algorithms train the policy."""
        return self.learnable and not self.frozen

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

    def init_weights(self) -> None:
        """Initialise or load the weights.

        Raises:
            ValueError: If a frozen policy has no checkpoint in ``init_cfg``,
                or one that does not fit.
        """
        if self.frozen and self.learnable and not self.is_init:
            require_pretrained(self, f'a frozen {type(self).__name__}',
                               'mixer')
        super().init_weights()

    def project(self, feats: Tensor, partner_feats: Tensor) -> Any:
        """Do the work that all masks of a batch share.

        Args:
            feats (Tensor): Momentum features of the first images, shape
                (N, C, h, w); without ``needs_features`` the images.
            partner_feats (Tensor): Those that partners are taken from, same
                shape.

        Returns:
            Any: What :meth:`masks` makes masks of.
        """
        return feats, partner_feats

    def masks(self, projected: Any, pair: Pair,
              size: Tuple[int, int]) -> Tensor:
        """Make the masks of a set of pairs.

        Args:
            projected (Any): What :meth:`project` has made.
            pair (Pair): Ratios, and partners of the first M images, M <= N.
            size (Tuple[int, int]): Height and width of the images, (H, W).

        Returns:
            Tensor: The share of the first image at each pixel, shape
            (M, 1, H, W), in [0, 1].
        """
        feats, partner_feats = projected
        return self(feats[:len(pair.index)], partner_feats[pair.index],
                    pair.lam, size)

    def train(self, mode: bool = True) -> 'MixingPolicy':
        """Set the mode; a frozen policy keeps that of evaluation.

        Args:
            mode (bool): Whether to train. Defaults to True.

        Returns:
            MixingPolicy: Itself.
        """
        return super().train(mode and not self.frozen)

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
