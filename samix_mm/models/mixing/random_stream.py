import numpy as np
import torch
import torch.nn as nn
from mmengine.dist import get_rank
from torch import Tensor


class RandomStream(nn.Module):
    """Stream of random generators that a checkpoint carries.

    Each is a function of (seed, rank, number of the draw, salt): ranks
    differ, and a resumed run goes on with the numbers that it would have
    drawn. The seed is torch's when the model is built, which is the runner's.

    Args:
        *salt (int): Tells streams of one model apart.
    """

    def __init__(self, *salt: int) -> None:
        super().__init__()
        self.salt = salt
        self.seed = torch.initial_seed() % 2**63
        self.num_draws = 0

    def current(self) -> np.random.Generator:
        """The generator of this draw, from its beginning."""
        return self.generator_of(self.num_draws)

    def generator_of(self, num_draw: int) -> np.random.Generator:
        """The generator of any draw, from its beginning.

        Args:
            num_draw (int): Number of the draw, from 0.
        """
        return np.random.default_rng(
            [self.seed, get_rank(), num_draw, *self.salt])

    def advance(self) -> None:
        """Go on to the next draw."""
        self.num_draws += 1

    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.seed, self.num_draws])

    def set_extra_state(self, state: Tensor) -> None:
        self.seed, self.num_draws = state.tolist()
