import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam, lam_like
from ...utils.validation import (check_positive, check_unit_interval,
                                 check_weight)


def eta_balanced_info_nce(sim_i: Tensor, sim_j: Tensor, sim_neg: Tensor,
                          lam: Lam, eta: float, temperature: float) -> Tensor:
    r"""The :math:`\eta`-balanced mixup InfoNCE (Eqs. 4, 7 and 8).

    With the similarities :math:`v = \langle z_m, z \rangle / t` of a mixed
    image to its two positives :math:`i` and :math:`j` and to the negatives,
    the loss splits as the cross-entropy does into a local term between the
    positives, which is Eq. 7 with the logarithms that its typesetting drops,

    .. math::
        \ell_+ = -\lambda v_i - (1-\lambda) v_j
                 + \log\!\!\sum_{c \in \{i, j\}}\!\! e^{v_c},

    and a global one, the probability mass lost to the negatives,

    .. math::
        \ell_- = \log\!\!\sum_{c \in \{i, j, neg\}}\!\! e^{v_c}
                 - \log\!\!\sum_{c \in \{i, j\}}\!\! e^{v_c}.

    The result is :math:`\ell_+ + \eta \ell_-`, computed from differences, at
    least in float32.

    Args:
        sim_i (Tensor): Similarities to the first positives, shape (N, ).
        sim_j (Tensor): Similarities to the second positives, shape (N, ).
        sim_neg (Tensor): Similarities to the negatives, shape (N, K).
        lam (float | Tensor): Share of the first image in [0, 1], one number
            or shape (N, ).
        eta (float): Weight of the global term in [0, 1]. 1 gives the mixup
            InfoNCE with both positives in the denominator, 0 gives Eq. 7.
        temperature (float): :math:`t`, above 0.

    Returns:
        Tensor: The loss of each image, shape (N, ).

    Raises:
        ValueError: If ``eta`` is outside [0, 1], ``temperature`` not above 0,
            or the shapes do not match.
    """
    check_unit_interval('eta', eta)
    check_positive('temperature', temperature)
    num_images = sim_i.size(0)
    if (sim_i.shape != (num_images, ) or sim_j.shape != (num_images, )
            or sim_neg.ndim != 2 or sim_neg.size(0) != num_images):
        raise ValueError(
            'sim_i, sim_j and sim_neg must have the shapes (N,), (N,) and '
            f'(N, K), got {tuple(sim_i.shape)}, {tuple(sim_j.shape)} and '
            f'{tuple(sim_neg.shape)}')
    dtype = torch.promote_types(sim_i.dtype, torch.float32)
    sim_i, sim_j, sim_neg = (
        sim.to(dtype) / temperature for sim in (sim_i, sim_j, sim_neg))
    lam = lam_like(lam, sim_i)  # (N, )

    diff = sim_i - sim_j  # (N, )
    local = -lam * F.logsigmoid(diff) - (1 - lam) * F.logsigmoid(-diff)
    pair = torch.logaddexp(sim_i, sim_j)  # (N, )
    global_ = -F.logsigmoid(pair - sim_neg.logsumexp(dim=1))  # (N, )
    return local + eta * global_


@MODELS.register_module()
class EtaBalancedInfoNCE(nn.Module):
    r"""Batch mean of :func:`eta_balanced_info_nce`.

    Args:
        eta (float): Weight of the global term in [0, 1]. Defaults to 0.5, as
            in all self-supervised experiments of the paper (Sec. A.1.3).
        temperature (float): Temperature, above 0. Defaults to 0.2, MoCo v2's.
        loss_weight (float): Weight of the loss. Defaults to 1.0.

    Raises:
        ValueError: If ``eta`` is outside [0, 1], ``temperature`` not above 0
            or ``loss_weight`` negative.
    """

    def __init__(self,
                 eta: float = 0.5,
                 temperature: float = 0.2,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        self.eta = check_unit_interval('eta', eta)
        self.temperature = check_positive('temperature', temperature)
        self.loss_weight = check_weight('loss_weight', loss_weight)

    def forward(self, sim_i: Tensor, sim_j: Tensor, sim_neg: Tensor,
                lam: Lam) -> Tensor:
        """Compute the loss.

        Args:
            sim_i (Tensor): Similarities to the first positives, (N, ).
            sim_j (Tensor): Similarities to the second positives, (N, ).
            sim_neg (Tensor): Similarities to the negatives, (N, K).
            lam (float | Tensor): Share of the first image, one number or
                shape (N, ).

        Returns:
            Tensor: The loss, a scalar.
        """
        loss = eta_balanced_info_nce(sim_i, sim_j, sim_neg, lam, self.eta,
                                     self.temperature)
        return self.loss_weight * loss.mean()

    def extra_repr(self) -> str:
        return (f'eta={self.eta}, temperature={self.temperature}, '
                f'loss_weight={self.loss_weight}')
