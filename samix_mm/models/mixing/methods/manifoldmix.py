from typing import Sequence

from ....registry import MIXING_METHODS
from ....utils.validation import is_number
from ..method import MixingMethod, masked_mixture, two_shares, with_first
from ..mixture import Mixture
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources


@MIXING_METHODS.register_module()
class ManifoldMix(MixingMethod):
    r"""MixUp of feature maps at a random depth of the network.

    `Manifold Mixup: Better Representations by Interpolating Hidden States
    <https://arxiv.org/abs/1806.05236>`_. A level for the batch is drawn
    uniformly: 0 mixes the pixels, another number the maps after that feature
    stage. There is no additional pass.

    Args:
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            2.0.
        levels (Sequence[int]): The levels, 0 or feature stages of the
            backbone: resolution levels, of which the final one is 4, or
            quarters of the depth of a plain transformer. Defaults to
            (0, 1, 2), as in the paper.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.

    Raises:
        ValueError: If ``levels`` are not whole numbers from 0 to 4.
    """

    def __init__(self,
                 alpha: float = 2.0,
                 levels: Sequence[int] = (0, 1, 2),
                 lam_per_sample: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)
        if (not isinstance(levels, (list, tuple)) or not levels
                or not all(is_number(level) and level in range(5)
                           for level in levels)):
            raise ValueError('levels must be whole numbers from 0 to 4 such '
                             f'as (0, 1, 2), got {levels!r}')
        self.levels = frozenset(levels)
        self.depths = RandomStream(4)

    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        level = int(self.depths.current().choice(sorted(self.levels)))
        # Pictures of mixed images, drawn in eval mode, do not use it up.
        if self.training:
            self.depths.advance()
        images, index = sources.images[:len(pairing.index)], pairing.index
        shares = two_shares(pairing.lam, images)  # (M, 2)
        mask = shares[:, :1, None, None].expand(-1, 1, *images.shape[2:])
        if level == 0:
            return masked_mixture(sources, index, mask, pairing.lam)
        return Mixture(
            images,
            with_first(index),
            shares,
            mask,
            level=level,
            companions=sources.partners)
