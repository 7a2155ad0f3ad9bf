import torch

from ....registry import MIXING_METHODS
from ..method import MixingMethod
from ..mixture import Mixture
from ..pairing import Pairing
from ..sources import Sources


@MIXING_METHODS.register_module()
class Vanilla(MixingMethod):
    """No mixing: the images as they are, one source each."""

    def __init__(self) -> None:
        super().__init__()

    def draw(self, num: int, device: torch.device) -> Pairing:
        """Pair each image with itself, without random numbers."""
        return Pairing(1., torch.arange(num, device=device))

    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        index = pairing.index.unsqueeze(1)  # (M, 1)
        shares = torch.ones_like(index, dtype=torch.float32)
        return Mixture(sources.images[:len(index)], index, shares)
