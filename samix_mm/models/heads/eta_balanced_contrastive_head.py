from typing import List, Optional, Union

from mmpretrain.models import ContrastiveHead
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam
from ..losses.eta_balanced_info_nce import EtaBalancedInfoNCE


@MODELS.register_module()
class EtaBalancedContrastiveHead(ContrastiveHead):
    r"""Contrastive head with the :math:`\eta`-balanced loss for mixed images.

    On clean images it is MMPretrain's ``ContrastiveHead``. As the head of a
    :class:`~samix_mm.models.MixMoCo` it serves the online loss, which is the
    mixup InfoNCE (Eq. 4) in the paper, as under a stock head; the Mixer's
    weight of the global term is ``eta`` of :class:`~samix_mm.models.SAMix`.

    Args:
        loss (dict): Config of the loss on clean images. Defaults to
            ``dict(type='CrossEntropyLoss')``.
        temperature (float): Temperature, above 0. Defaults to 0.2, MoCo v2's.
        eta (float): Weight of the global term in [0, 1]. Defaults to 1.0,
            which gives the mixup InfoNCE.
        init_cfg (dict or List[dict], optional): As in ``ContrastiveHead``.

    Raises:
        ValueError: If ``eta`` is outside [0, 1] or ``temperature`` not above
            0.
    """

    def __init__(self,
                 loss: dict = dict(type='mmpretrain.CrossEntropyLoss'),
                 temperature: float = 0.2,
                 eta: float = 1.0,
                 init_cfg: Optional[Union[dict, List[dict]]] = None) -> None:
        super().__init__(loss, temperature=temperature, init_cfg=init_cfg)
        self.mix_loss_module = EtaBalancedInfoNCE(eta, temperature)

    def loss_mix(self, sim_i: Tensor, sim_j: Tensor, sim_neg: Tensor,
                 lam: Lam) -> Tensor:
        """Compute the loss of mixed images (Eq. 8).

        Args:
            sim_i (Tensor): Similarities to the first positives, (N, ).
            sim_j (Tensor): Similarities to the second positives, (N, ).
            sim_neg (Tensor): Similarities to the negatives, (N, K).
            lam (float | Tensor): Share of the first image, one number or
                shape (N, ).

        Returns:
            Tensor: The loss, a scalar.
        """
        return self.mix_loss_module(sim_i, sim_j, sim_neg, lam)
