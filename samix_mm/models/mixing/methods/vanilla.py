import torch

from ....registry import MIXING_METHODS
from ..method import MixingMethod, at_least_float32
from ..mixture import Mixture
from ..pairing import Pairing
from ..sources import Sources


@MIXING_METHODS.register_module()
class Vanilla(MixingMethod):
    """No mixing: the images as they are, one source each."""

    num_sources = frozenset({1})

    def __init__(self) -> None:
        super().__init__()

    def draw(self, num: int, device: torch.device) -> Pairing:
        """Pair each image with itself, without random numbers."""
        return Pairing(1., torch.arange(num, device=device))

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        images = sources.images[:len(pairing.index)].detach()  # (M, 3, H, W)
        index = torch.arange(len(images), device=images.device).unsqueeze(1)
        shares = at_least_float32(images[:, :0]).new_ones(index.shape)
        mask = shares.view(-1, 1, 1, 1).expand(-1, 1, *images.shape[2:])
        return Mixture(images, index, shares, mask)
