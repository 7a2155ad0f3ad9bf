import math
from typing import List, NamedTuple

import torch
from torch import Tensor

from ...utils.lam import Lam, sample_lam
from ...utils.validation import check_flag, check_positive
from .random_stream import RandomStream


class Pair(NamedTuple):
    r"""Who is mixed with whom, and how much of each.

    Attributes:
        lam (float | Tensor): Share of the first image, one number or shape
            (N, ).
        index (Tensor): The partner of each image, a permutation of shape
            (N, ).
    """
    lam: Lam
    index: Tensor


class PairStream(RandomStream):
    r"""Stream of mixing ratios and partners that a checkpoint carries.

    Args:
        alpha (float): Parameter of Beta(alpha, alpha), above 0. Defaults to
            2.0, as in the paper.
        per_sample (bool): Whether to draw a ratio for each sample instead of
            one for the batch. Defaults to False.

    Raises:
        ValueError: If ``alpha`` is not above 0 or ``per_sample`` no bool.
    """

    def __init__(self, alpha: float = 2.0, per_sample: bool = False) -> None:
        super().__init__()
        self.alpha = check_positive('alpha', alpha)
        self.per_sample = check_flag('lam_per_sample', per_sample)

    def draw(self, num_samples: int, device: torch.device) -> Pair:
        """Draw ratios and partners for a batch.

        Args:
            num_samples (int): Size of the batch, N.
            device (torch.device): Where the partners are wanted.

        Returns:
            Pair: The ratio or ratios, and the permutation of shape (N, ).
        """
        rng = self.current()
        self.advance()
        lam = sample_lam(self.alpha, num_samples if self.per_sample else None,
                         rng)
        if self.per_sample:
            lam = lam.to(device, non_blocking=True)
        index = torch.from_numpy(rng.permutation(num_samples))
        return Pair(lam, index.to(device, non_blocking=True))

    def lams_of_last_step(self) -> List[Lam]:
        """List[float | Tensor]: The ratios of the last two draws again."""
        size = 1 if self.per_sample else None
        return [
            sample_lam(self.alpha, size, self.generator_of(number))
            for number in range(max(self.num_draws - 2, 0), self.num_draws)
        ]

    def extra_repr(self) -> str:
        return f'alpha={self.alpha}, per_sample={self.per_sample}'


def share_of(ratio: float, num_images: int) -> int:
    """Count the images of a part of the batch.

    Args:
        ratio (float): Share of the batch, in (0, 1].
        num_images (int): Size of the batch.

    Returns:
        int: Their number, rounded up; at least the two that can be mixed.
    """
    return max(2, math.ceil(ratio * num_images))
