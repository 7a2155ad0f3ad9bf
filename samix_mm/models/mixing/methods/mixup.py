from typing import Tuple

from torch import Tensor

from ....registry import MODELS
from ....utils.lam import Lam, lam_like
from ..method import MixingPolicy


@MODELS.register_module()
class MixUp(MixingPolicy):
    r"""Constant masks: `mixup <https://arxiv.org/abs/1710.09412>`_ as a
    mixing policy, the linear interpolation of two images."""

    needs_features = False
    learnable = False

    def forward(self, feat_i: Tensor, feat_j: Tensor, lam: Lam,
                size: Tuple[int, int]) -> Tensor:
        """Make the mask of each pair.

        Args:
            feat_i (Tensor): The first images, shape (N, 3, H, W).
            feat_j (Tensor): Their partners, same shape.
            lam (float | Tensor): Share of the first image in [0, 1], one
                number or shape (N, ).
            size (Tuple[int, int]): Height and width of the images, (H, W).

        Returns:
            Tensor: ``lam`` everywhere, shape (N, 1, H, W).
        """
        lam = lam_like(lam, feat_i).view(-1, 1, 1, 1)  # (N, 1, 1, 1)
        return lam.expand(-1, 1, *size)
