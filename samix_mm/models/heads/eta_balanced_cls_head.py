from typing import Dict, Tuple

from mmpretrain.models import LinearClsHead
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam
from ..losses.eta_balanced_cross_entropy import EtaBalancedCrossEntropy


@MODELS.register_module()
class EtaBalancedClsHead(LinearClsHead):
    r"""Linear head with the :math:`\eta`-balanced loss for mixed images.

    On clean images it is MMPretrain's ``LinearClsHead``, with the same
    parameter names. As the head of a
    :class:`~samix_mm.models.MixClassifier` it serves the online loss, which
    is the mixup cross-entropy (Eq. 3) in the paper; the Mixer's weight of the
    global term is ``eta`` of :class:`~samix_mm.models.SAMix`.

    Args:
        num_classes (int): Number of classes, 2 or more.
        in_channels (int): Channels of the input feature.
        eta (float): Weight of the global term in [0, 1]. Defaults to 1.0,
            which gives the mixup cross-entropy.
        **kwargs: Other arguments of ``LinearClsHead``.

    Raises:
        ValueError: If ``eta`` is outside [0, 1].
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 eta: float = 1.0,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.mix_loss_module = EtaBalancedCrossEntropy(eta)

    def loss_mix(self, feats: Tuple[Tensor, ...], label_i: Tensor,
                 label_j: Tensor, lam: Lam) -> Dict[str, Tensor]:
        """Compute the loss of mixed images (Eq. 8).

        Args:
            feats (Tuple[Tensor]): Features of the mixed images; the last one
                with shape (N, in_channels) is used.
            label_i (Tensor): Class indices of the first images, (N, ).
            label_j (Tensor): Class indices of their partners, (N, ).
            lam (float | Tensor): Share of the first image, one number or
                shape (N, ).

        Returns:
            Dict[str, Tensor]: ``loss``, a scalar.
        """
        return dict(
            loss=self.mix_loss_module(self(feats), label_i, label_j, lam))
