"""Random numbers that are a function of a key, such as a place in a
training."""
import random
from typing import Any, Tuple

import numpy as np
import torch


def seed_global_generators(*key: int, devices: bool = False) -> None:
    """Seed the global generators of Python, NumPy and PyTorch.

    Args:
        *key (int): Whole numbers of 0 or more. Other keys give streams that
            have nothing to do with each other.
        devices (bool): Whether those of GPUs are seeded as well. Defaults to
            False.
    """
    seeds = np.random.SeedSequence(key).generate_state(3)
    random.seed(int(seeds[0]))
    np.random.seed(seeds[1])
    # torch.manual_seed() queues a call for CUDA, which a worker never makes.
    generator = torch if devices else torch.default_generator
    generator.manual_seed(int(seeds[2]))


class PrivateRandomness:
    """Inside ``with``, the global generators draw from a stream of its own,
    and outside they go on as if nothing had been drawn.

    Args:
        *key (int): Says which stream.
    """

    def __init__(self, *key: int) -> None:
        outside = self._read()
        seed_global_generators(*key)
        self._other = self._read()
        self._write(outside)

    def __enter__(self) -> None:
        self._exchange()

    def __exit__(self, *args: Any) -> None:
        self._exchange()

    def _exchange(self) -> None:
        other, self._other = self._other, self._read()
        self._write(other)

    @staticmethod
    def _read() -> Tuple[Any, Any, torch.Tensor]:
        return (random.getstate(), np.random.get_state(),
                torch.default_generator.get_state())

    @staticmethod
    def _write(state: Tuple[Any, Any, torch.Tensor]) -> None:
        random.setstate(state[0])
        np.random.set_state(state[1])
        torch.default_generator.set_state(state[2])
