import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam, lam_like
from ...utils.validation import check_unit_interval, check_weight


def eta_balanced_cross_entropy(cls_score: Tensor, label_i: Tensor,
                               label_j: Tensor, lam: Lam,
                               eta: float) -> Tensor:
    r"""The :math:`\eta`-balanced mixup cross-entropy (Eqs. 3, 6 and 8).

    For the logits :math:`v` of an image mixed from classes :math:`a` and
    :math:`b`, the mixup cross-entropy splits exactly into a local term, the
    binary cross-entropy between the two classes,

    .. math::
        \ell_+ = -\lambda v_a - (1-\lambda) v_b
                 + \log\!\!\sum_{c \in \{a, b\}}\!\! e^{v_c},

    and a global one, the probability mass lost to the other classes,

    .. math::
        \ell_- = \log \sum_c e^{v_c}
                 - \log\!\!\sum_{c \in \{a, b\}}\!\! e^{v_c}.

    The result is :math:`\ell_+ + \eta \ell_-`. Both terms are computed from
    differences of logits, at least in float32, so that they stay finite and
    exact for large logits. Where :math:`a = b` the local term is 0.

    Args:
        cls_score (Tensor): Logits with shape (N, K), K >= 2.
        label_i (Tensor): Class indices of the first images, shape (N, ).
        label_j (Tensor): Class indices of their partners, shape (N, ).
        lam (float | Tensor): Share of the first image in [0, 1], one number
            or shape (N, ).
        eta (float): Weight of the global term in [0, 1]. 1 gives the mixup
            cross-entropy, 0 the binary one.

    Returns:
        Tensor: The loss of each sample, shape (N, ).

    Raises:
        ValueError: If ``eta`` is outside [0, 1] or there are fewer than two
            classes.
    """
    check_unit_interval('eta', eta)
    if cls_score.ndim != 2 or cls_score.size(1) < 2:
        raise ValueError('cls_score must have the shape (N, num_classes) with '
                         f'num_classes >= 2, got {tuple(cls_score.shape)}')
    score = cls_score.to(torch.promote_types(cls_score.dtype, torch.float32))
    lam = lam_like(lam, score)  # (N, )
    a, b = label_i.unsqueeze(1), label_j.unsqueeze(1)  # (N, 1)
    score_a = score.gather(1, a).squeeze(1)  # (N, )
    score_b = score.gather(1, b).squeeze(1)  # (N, )
    same = label_i == label_j  # (N, )

    diff = score_a - score_b
    local = -lam * F.logsigmoid(diff) - (1 - lam) * F.logsigmoid(-diff)
    local = local.masked_fill(same, 0.)  # (N, )

    pair = torch.where(same, score_a, torch.logaddexp(score_a, score_b))
    # The lowest finite number instead of -inf: with two classes there is no
    # other one, and logsumexp of nothing but -inf has a NaN gradient.
    others = score.scatter(1, torch.cat([a, b], dim=1),
                           torch.finfo(score.dtype).min)  # (N, K)
    global_ = -F.logsigmoid(pair - others.logsumexp(dim=1))  # (N, )
    return local + eta * global_


@MODELS.register_module()
class EtaBalancedCrossEntropy(nn.Module):
    r"""Batch mean of :func:`eta_balanced_cross_entropy`.

    Args:
        eta (float): Weight of the global term in [0, 1]. The paper uses 0.5
            on small data sets and 0.1 on IN-1k and iNat2017 (Sec. A.1.2).
            Defaults to 0.5.
        loss_weight (float): Weight of the loss. Defaults to 1.0.

    Raises:
        ValueError: If ``eta`` is outside [0, 1] or ``loss_weight`` negative.
    """

    def __init__(self, eta: float = 0.5, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.eta = check_unit_interval('eta', eta)
        self.loss_weight = check_weight('loss_weight', loss_weight)

    def forward(self, cls_score: Tensor, label_i: Tensor, label_j: Tensor,
                lam: Lam) -> Tensor:
        """Compute the loss.

        Args:
            cls_score (Tensor): Logits with shape (N, K).
            label_i (Tensor): Class indices of the first images, (N, ).
            label_j (Tensor): Class indices of their partners, (N, ).
            lam (float | Tensor): Share of the first image, one number or
                shape (N, ).

        Returns:
            Tensor: The loss, a scalar.
        """
        loss = eta_balanced_cross_entropy(cls_score, label_i, label_j, lam,
                                          self.eta)
        return self.loss_weight * loss.mean()

    def extra_repr(self) -> str:
        return f'eta={self.eta}, loss_weight={self.loss_weight}'
