import torch
from torch import Tensor

from ....registry import MIXING_METHODS
from ..method import MaskMethod, masked_mixture, two_shares
from ..mixture import Mixture
from ..pairing import Pairing
from ..sources import Sources


@MIXING_METHODS.register_module()
class MixUp(MaskMethod):
    r"""Linear interpolation of two images.

    `mixup: Beyond Empirical Risk Minimization
    <https://arxiv.org/abs/1710.09412>`_.

    Args:
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            1.0.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
    """

    def __init__(self,
                 alpha: float = 1.0,
                 lam_per_sample: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)

    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """The ratio everywhere; see :meth:`MaskMethod.masks`."""
        images = sources.images[:len(pairing.index)]
        lam = two_shares(pairing.lam, images)[:, 0]  # (M, )
        return lam.view(-1, 1, 1, 1).expand(-1, 1, *images.shape[2:])

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """Labels go by the ratio itself, which the mean of a mask is up to
        rounding; see :meth:`MixingMethod.mix`."""
        mask = self.masks(sources, pairing)  # (M, 1, H, W)
        return masked_mixture(sources, pairing.index, mask, pairing.lam)
