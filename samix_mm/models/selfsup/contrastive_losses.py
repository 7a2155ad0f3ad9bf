"""What SAMixMoCo asks of any contrastive head, of MMPretrain's or of
MMSelfSup's, and how it reads their momentum."""
from mmengine.logging import print_log
from torch import Tensor, nn

from ...utils.lam import Lam
from ...utils.validation import check_unit_interval
from ..losses.eta_balanced_info_nce import eta_balanced_info_nce


def ema_momentum(momentum: float) -> float:
    """Read a momentum as the weight kept by the momentum network.

    Args:
        momentum (float): In [0, 1]. A number above 0 and below 0.5 is
            MMPretrain's weight of the online network.

    Returns:
        float: The weight kept.

    Raises:
        ValueError: If it is outside [0, 1].
    """
    check_unit_interval('momentum', momentum)
    if 0 < momentum < 0.5:
        print_log(
            f"momentum={momentum} is read in MMPretrain's convention: the "
            f'momentum network keeps {1 - momentum} of itself',
            logger='current')
        return 1 - momentum
    return momentum


def contrast_clean(head: nn.Module, sim_pos: Tensor,
                   sim_neg: Tensor) -> Tensor:
    """The InfoNCE of clean images (Eq. 2).

    Args:
        head (nn.Module): ``ContrastiveHead`` of MMPretrain, which has a
            method ``loss``, or of MMSelfSup, whose ``loss`` is a module.
        sim_pos (Tensor): Similarities to the positives, (N, ).
        sim_neg (Tensor): Similarities to the negatives, (N, K).

    Returns:
        Tensor: The loss, a scalar.
    """
    compute = head if isinstance(head.loss, nn.Module) else head.loss
    return compute(sim_pos.unsqueeze(1), sim_neg)


def contrast_mixed(head: nn.Module, sim_i: Tensor, sim_j: Tensor,
                   sim_neg: Tensor, lam: Lam) -> Tensor:
    """The mixup InfoNCE (Eq. 4) at the temperature of a head, or its own.

    Args:
        head (nn.Module): A contrastive head.
        sim_i (Tensor): Similarities to the first positives, (N, ).
        sim_j (Tensor): Similarities to the second positives, (N, ).
        sim_neg (Tensor): Similarities to the negatives, (N, K).
        lam (float | Tensor): Share of the first image, one number or shape
            (N, ).

    Returns:
        Tensor: The loss, a scalar.
    """
    if hasattr(head, 'loss_mix'):
        return head.loss_mix(sim_i, sim_j, sim_neg, lam)
    return eta_balanced_info_nce(
        sim_i, sim_j, sim_neg, lam, eta=1.,
        temperature=head.temperature).mean()
