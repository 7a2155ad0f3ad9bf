from typing import NamedTuple, Optional

from torch import Tensor


class Mixture(NamedTuple):
    """Mixed images, and what of which source is in each.

    Attributes:
        inputs (Tensor): What the network is fed, (M, 3, H, W).
        index (Tensor): The R sources of each, (M, R). Column 0 counts in
            :attr:`Sources.images`, the others in :attr:`Sources.partners`.
        shares (Tensor): Label weights of the sources, (M, R), at least
            float32; rows sum to 1.
        mask (Tensor, optional): Share of the first image at each pixel,
            (M, 1, H, W), or of each source, (M, R, H, W), where R > 2: for
            losses and pictures.
        level (int): 0 where the pixels are mixed; else the feature stage of
            the network at which ``inputs`` are mixed with their partners.
        companions (Tensor, optional): Where ``level`` > 0, the images
            (N, 3, H, W) that partners are taken from, run along up to it;
            None if they are the ``inputs`` themselves.
    """
    inputs: Tensor
    index: Tensor  # type: ignore[assignment]  # tuple.index is not needed
    shares: Tensor
    mask: Optional[Tensor] = None
    level: int = 0
    companions: Optional[Tensor] = None
