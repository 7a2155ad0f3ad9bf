from typing import Sequence

import torch

from ....registry import MIXING_METHODS
from ....utils.validation import is_number
from ..method import two_shares, with_first
from ..mixture import Mixture
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources
from .mixup import MixUp


@MIXING_METHODS.register_module()
class ManifoldMix(MixUp):
    r"""MixUp of feature maps at a random depth of the network.

    `Manifold Mixup: Better Representations by Interpolating Hidden States
    <https://arxiv.org/abs/1806.05236>`_. A level for the batch is drawn
    uniformly: 0 mixes the pixels, another number the maps after that feature
    stage. There is no additional pass; partners from another view run along
    up to that stage.

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
        ValueError: If ``levels`` are not different whole numbers from 0 to 4.
    """

    def __init__(self,
                 alpha: float = 2.0,
                 levels: Sequence[int] = (0, 1, 2),
                 lam_per_sample: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)
        if (not isinstance(levels, (list, tuple)) or not levels
                or not all(is_number(level) and level in range(5)
                           for level in levels)
                or len(set(levels)) < len(levels)):
            raise ValueError('levels must be different whole numbers from 0 '
                             f'to 4 such as (0, 1, 2), got {levels!r}')
        self.levels = frozenset(map(int, levels))
        self.depths = RandomStream(4)

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        level = int(self.depths.next().choice(sorted(self.levels)))
        if level == 0:
            return super().mix(sources, pairing)
        index = pairing.index
        images = sources.images[:len(index)].detach()  # (M, 3, H, W)
        alone = sources.partners is sources.images and len(images) == len(
            sources.images)
        return Mixture(
            images,
            with_first(index),
            two_shares(pairing.lam, images),
            self.masks(sources, pairing),
            level=level,
            companions=None if alone else sources.partners)
