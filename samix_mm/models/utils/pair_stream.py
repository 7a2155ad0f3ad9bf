from typing import NamedTuple

import numpy as np
import torch
import torch.nn as nn
from mmengine.dist import get_rank
from torch import Tensor

from .lam import Lam, sample_lam


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


class PairStream(nn.Module):
    r"""Stream of mixing ratios and partners that a checkpoint carries.

    Each draw is a function of (seed, rank, number of the draw): ranks differ,
    and a resumed run goes on with the ratios that it would have drawn. The
    seed is torch's when the model is built, which is the runner's.

    Args:
        alpha (float): Parameter of Beta(alpha, alpha), above 0. Defaults to
            2.0, as in the paper.
        per_sample (bool): Whether to draw a ratio for each sample instead of
            one for the batch. Defaults to False.

    Raises:
        ValueError: If ``alpha`` is not above 0.
    """

    def __init__(self, alpha: float = 2.0, per_sample: bool = False) -> None:
        super().__init__()
        if not alpha > 0:
            raise ValueError(f'alpha must be above 0, got {alpha}')
        self.alpha = alpha
        self.per_sample = per_sample
        self.seed = torch.initial_seed() % 2**63
        self.num_draws = 0

    def draw(self, num_samples: int, device: torch.device) -> Pair:
        """Draw ratios and partners for a batch.

        Args:
            num_samples (int): Size of the batch, N.
            device (torch.device): Where the partners are wanted.

        Returns:
            Pair: The ratio or ratios, and the permutation of shape (N, ).
        """
        rng = np.random.default_rng([self.seed, get_rank(), self.num_draws])
        self.num_draws += 1
        lam = sample_lam(self.alpha, num_samples if self.per_sample else None,
                         rng)
        if self.per_sample:
            lam = lam.to(device, non_blocking=True)
        index = torch.from_numpy(rng.permutation(num_samples))
        return Pair(lam, index.to(device, non_blocking=True))

    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.seed, self.num_draws])

    def set_extra_state(self, state: Tensor) -> None:
        self.seed, self.num_draws = state.tolist()

    def extra_repr(self) -> str:
        return f'alpha={self.alpha}, per_sample={self.per_sample}'
