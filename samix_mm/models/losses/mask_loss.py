import torch
import torch.nn as nn
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam, lam_like
from ...utils.validation import check_weight


def mask_loss(mask: Tensor, lam: Lam, margin: float,
              variance_weight: float) -> Tensor:
    r"""The mask loss of each image (end of Sec. 3.3), without its weight
    :math:`\beta`.

    .. math::
        \max(|\lambda - \mu| - \epsilon, 0) - w \operatorname{Var}(s),

    with :math:`\mu` the mean of the mask. The paper prints the variance with
    a plus, but states sparse masks as its purpose: minimising a positive
    variance would flatten them, so that it is subtracted here, as it was in
    the authors' experiments.

    Args:
        mask (Tensor): Masks with shape (N, 1, H, W), before adjusting.
        lam (float | Tensor): The ratio which they were asked for, one number
            or shape (N, ).
        margin (float): The gap of means that costs nothing,
            :math:`\epsilon`.
        variance_weight (float): Weight of the variance, :math:`w`.

    Returns:
        Tensor: The loss of each image, shape (N, ).
    """
    mask = mask.to(torch.promote_types(mask.dtype, torch.float32)).flatten(1)
    gap = (lam_like(lam, mask) - mask.mean(dim=1)).abs()  # (N, )
    return (gap - margin).clamp(min=0) - variance_weight * mask.var(
        dim=1, unbiased=False)


@MODELS.register_module()
class MaskLoss(nn.Module):
    """Batch mean of :func:`mask_loss`.

    Its weight is the algorithm's ``mask_loss_weight``, which
    :class:`~samix_mm.engine.MaskLossAnnealHook` lowers during training.

    Args:
        margin (float): The gap between the mask's mean and the ratio that
            costs nothing. Defaults to 0.1, as in the paper.
        variance_weight (float): Weight of the variance. Defaults to 2.0, as
            the authors ran it (OpenMixup); the paper does not say.

    Raises:
        ValueError: If an argument is not a finite number of 0 or more.
    """

    def __init__(self,
                 margin: float = 0.1,
                 variance_weight: float = 2.0) -> None:
        super().__init__()
        self.margin = check_weight('margin', margin)
        self.variance_weight = check_weight('variance_weight',
                                            variance_weight)

    def forward(self, mask: Tensor, lam: Lam) -> Tensor:
        """Compute the loss.

        Args:
            mask (Tensor): Masks with shape (N, 1, H, W).
            lam (float | Tensor): The ratio which they were asked for, one
                number or shape (N, ).

        Returns:
            Tensor: The loss, a scalar.
        """
        return mask_loss(mask, lam, self.margin, self.variance_weight).mean()

    def extra_repr(self) -> str:
        return (f'margin={self.margin}, '
                f'variance_weight={self.variance_weight}')
