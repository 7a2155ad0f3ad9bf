import math
from typing import List, NamedTuple

import torch
from torch import Tensor

from ...utils.lam import Lam, sample_lam
from ...utils.validation import check_flag, check_positive
from .random_stream import RandomStream


class Pairing(NamedTuple):
    r"""Who is mixed with whom, and how much of each.

    Attributes:
        lam (float | Tensor): Share of the first image, one number or shape
            (M, ).
        index (Tensor): The partner of each of the first M images, (M, ).
    """
    lam: Lam
    index: Tensor  # type: ignore[assignment]  # tuple.index is not needed


class PairingStream(RandomStream):
    r"""Stream of mixing ratios and partners.

    Args:
        alpha (float): Parameter of Beta(alpha, alpha), above 0.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.

    Raises:
        ValueError: If ``alpha`` is not above 0 or ``lam_per_sample`` no bool.
    """

    def __init__(self, alpha: float, lam_per_sample: bool = False) -> None:
        super().__init__()
        self.alpha = check_positive('alpha', alpha)
        self.lam_per_sample = check_flag('lam_per_sample', lam_per_sample)

    def draw(self, num_samples: int, device: torch.device) -> Pairing:
        """Draw ratios and partners for a batch.

        Args:
            num_samples (int): Size of the batch, N.
            device (torch.device): Where the partners are wanted.

        Returns:
            Pairing: The ratio or ratios, and a permutation of shape (N, ).

        Raises:
            ValueError: If there are fewer than two images.
        """
        if num_samples < 2:
            raise ValueError(
                'mixing needs at least 2 images in a batch, got '
                f'{num_samples}; raise train_dataloader.batch_size or set '
                'train_dataloader.drop_last=True')
        rng = self.current()
        self.advance()
        lam = sample_lam(self.alpha,
                         num_samples if self.lam_per_sample else None, rng)
        if isinstance(lam, Tensor):
            lam = lam.to(device, non_blocking=True)
        index = torch.from_numpy(rng.permutation(num_samples))
        return Pairing(lam, index.to(device, non_blocking=True))

    def last_lams(self, num_draws: int) -> List[Lam]:
        """The ratios of the last draws again, for messages.

        Args:
            num_draws (int): How many draws.

        Returns:
            List[float | Tensor]: One ratio a draw, the first one where there
            was one for each sample.
        """
        size = 1 if self.lam_per_sample else None
        return [
            sample_lam(self.alpha, size, self.generator_of(number))
            for number in range(max(self.num_draws - num_draws, 0),
                                self.num_draws)
        ]

    def extra_repr(self) -> str:
        return f'alpha={self.alpha}, lam_per_sample={self.lam_per_sample}'


def part_of_batch(ratio: float, num_images: int) -> int:
    """Count the images of a part of the batch, at least two where there are
    two.

    Args:
        ratio (float): The part, in (0, 1].
        num_images (int): Size of the batch.

    Returns:
        int: Their number, rounded up.
    """
    return min(num_images, max(2, math.ceil(ratio * num_images)))
