from torch import Tensor

from ....registry import MIXING_METHODS
from ....utils.lam import lam_like
from ..method import MaskMethod
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
        """See :meth:`MaskMethod.masks`."""
        images = sources.images[:len(pairing.index)]
        lam = lam_like(pairing.lam, images).view(-1, 1, 1, 1)  # (M, 1, 1, 1)
        return lam.expand(-1, 1, *images.shape[2:])
