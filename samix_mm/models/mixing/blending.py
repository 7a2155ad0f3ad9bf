"""Operations on masks, shared by supervised and self-supervised mixing."""
from typing import Optional

import torch
from torch import Tensor

from ...utils.lam import Lam, lam_like


def blend(inputs: Tensor,
          mask: Tensor,
          index: Tensor,
          partners: Optional[Tensor] = None) -> Tensor:
    r"""Mix each image with its partner pixel by pixel (Sec. 2.2).

    .. math::
        x_m = s \odot x_i + (1 - s) \odot x_j

    Args:
        inputs (Tensor): Images with shape (N, C, H, W), of which the first M
            are mixed.
        mask (Tensor): Share of the first image at each pixel, shape
            (M, 1, H, W), in [0, 1].
        index (Tensor): Partner of each of the first M, shape (M, ).
        partners (Tensor, optional): Images that the partners are taken from,
            same shape as ``inputs``: another view of them, say. None means
            ``inputs``. Defaults to None.

    Returns:
        Tensor: Mixed images with shape (M, C, H, W), in the type of
        ``inputs``.
    """
    partners = inputs if partners is None else partners
    first = inputs[:len(index)]
    return torch.lerp(partners[index], first, mask.to(inputs.dtype))


def adjust_mask(mask: Tensor, lam: Lam) -> Tensor:
    r"""Move the mean of each mask to its ratio and keep it in [0, 1]
    (:math:`\lambda`-adjusting, end of Sec. 3.3).

    A mask with a mean :math:`\mu` above :math:`\lambda` is multiplied by
    :math:`\lambda / \mu`; one below has its complement multiplied by
    :math:`(1-\lambda) / (1-\mu)`. The ratio printed in the paper is upside
    down: it would move the mean away.

    Args:
        mask (Tensor): Shape (N, 1, H, W), in [0, 1].
        lam (float | Tensor): The wanted means in [0, 1], one number or shape
            (N, ).

    Returns:
        Tensor: The adjusted masks, same shape, at least float32.
    """
    mask = mask.to(torch.promote_types(mask.dtype, torch.float32))
    lam = lam_like(lam, mask).view(-1, 1, 1, 1)  # (N, 1, 1, 1)
    mean = mask.mean(dim=(1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    too_high = mean > lam
    one = torch.ones_like(mean)
    # Where a ratio is not used its divisor may be 0; 1 keeps it finite.
    shrink = lam / torch.where(too_high, mean, one)
    grow = (1 - lam) / torch.where(too_high, one, 1 - mean).clamp(
        min=torch.finfo(mask.dtype).tiny)
    adjusted = torch.where(too_high, mask * shrink, 1 - (1 - mask) * grow)
    return adjusted.clamp(0, 1)
