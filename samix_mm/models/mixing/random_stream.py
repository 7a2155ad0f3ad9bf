from typing import Optional, Tuple

import numpy as np
import torch
import torch.nn as nn
from mmengine.dist import broadcast, get_rank
from mmengine.logging import MessageHub
from torch import Tensor


class RandomStream(nn.Module):
    """Stream of random generators that a resumed training continues.

    Each generator is a function of (seed, rank, number of the draw, salt):
    ranks differ, and a resumed run draws what it would have drawn. The seed
    is torch's on the first rank when the model is built, which is the
    runner's. A checkpoint carries seed and number; they are taken over where
    a training is *resumed*, and left alone where only weights are loaded, so
    that trainings with other seeds from one checkpoint differ.

    Args:
        *salt (int): Tells the streams of one model apart.
    """

    def __init__(self, *salt: int) -> None:
        super().__init__()
        self.salt = salt
        # With diff_rank_seed each rank has another one.
        seed = torch.tensor(torch.initial_seed() % 2**63)
        broadcast(seed)
        self.seed = int(seed)
        self.num_draws = 0
        self._loaded: Optional[Tuple[int, int]] = None

    def current(self) -> np.random.Generator:
        """The generator of this draw, from its beginning."""
        self.settle()
        return self.generator_of(self.num_draws)

    def generator_of(self, num_draw: int) -> np.random.Generator:
        """The generator of any draw, from its beginning.

        Args:
            num_draw (int): Number of the draw, from 0.
        """
        return np.random.default_rng(
            [self.seed, get_rank(), num_draw, *self.salt])

    def next(self) -> np.random.Generator:
        """The generator of this draw, and go on to the next one; in
        evaluation mode the stream stands still, so that pictures drawn there
        do not use it up."""
        rng = self.current()
        if self.training:
            self.advance()
        return rng

    def advance(self) -> None:
        """Go on to the next draw."""
        self.num_draws += 1

    def restart(self, seed: int) -> None:
        """Begin a new stream.

        Args:
            seed (int): Its seed, 0 or more.
        """
        self.seed, self.num_draws, self._loaded = seed, 0, None

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self._loaded or (self.seed, self.num_draws))

    def set_extra_state(self, state: Tensor) -> None:
        numbers = state.tolist()
        if not (isinstance(numbers, list) and len(numbers) == 2
                and all(isinstance(number, int) and number >= 0
                        for number in numbers)):
            raise ValueError('the state of a random stream must be a seed and '
                             f'a number of draws, both 0 or more, got {state}')
        self._loaded = numbers[0], numbers[1]

    def settle(self) -> None:
        """Decide about what was loaded, in the first step of a training:
        before, MMEngine does not say whether the run is resumed."""
        if self._loaded is None:
            return
        loaded, self._loaded = self._loaded, None
        # A training loop tells its iteration; without one, loading a state
        # dict is resuming.
        iteration = MessageHub.get_current_instance().get_info('iter')
        if iteration != 0:
            self.seed, self.num_draws = loaded


def settle_streams(module: nn.Module) -> None:
    """Let all streams of a module decide about what was loaded, also those
    that nothing is drawn from before a later step."""
    for part in module.modules():
        if isinstance(part, RandomStream):
            part.settle()
