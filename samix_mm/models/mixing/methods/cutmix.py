from typing import Tuple

import torch
from torch import Tensor

from ....registry import MODELS
from ....utils.lam import Lam
from ..method import MixingPolicy
from ..random_stream import RandomStream


@MODELS.register_module()
class CutMix(MixingPolicy):
    r"""A box of the partner in the first image: `CutMix
    <https://arxiv.org/abs/1905.04899>`_ as a mixing policy.

    The box has the sides :math:`\sqrt{1-\lambda}` of the image's and its
    centre anywhere; what reaches over the border is cut off, so that the
    share shown, by which the labels go, may be larger than
    :math:`\lambda`. One ratio for the batch makes one box for the batch. The
    centres come from a stream of their own, which a checkpoint carries.
    """

    needs_features = False
    learnable = False

    def __init__(self) -> None:
        super().__init__()
        self.centres = RandomStream(1)

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
            Tensor: 0 in the box and 1 around it, shape (N, 1, H, W).
        """
        options = dict(dtype=torch.float32, device=feat_i.device)
        if not isinstance(lam, Tensor):
            lam = torch.full((1, ), lam)
        lam = lam.to(**options).view(-1, 1)  # (B, 1), B = 1 or N
        centre = torch.from_numpy(self.centres.current().random(
            (len(lam), 2))).to(**options)  # (B, 2)
        # Pictures of masks, drawn in eval mode, do not use up the stream.
        if self.training:
            self.centres.advance()
        half = (1 - lam).sqrt() / 2  # (B, 1)
        rows, columns = (
            ((torch.arange(length, **options) + 0.5) / length
             - centre[:, axis:axis + 1]).abs() < half
            for axis, length in enumerate(size))  # (B, H), (B, W)
        box = rows.unsqueeze(2) & columns.unsqueeze(1)  # (B, H, W)
        mask = (~box).to(torch.float32).unsqueeze(1)
        return mask.expand(len(feat_i), -1, -1, -1)
