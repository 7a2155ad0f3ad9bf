"""The seeds that the samplers and the workers of a data loader hold."""
from functools import partial
from numbers import Integral
from typing import Any, List, Sequence

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Sampler


def read_seeds(loader: DataLoader) -> List[int]:
    """Read the seeds that were given to the parts of a data loader.

    Args:
        loader (DataLoader): With a batch sampler.

    Returns:
        List[int]: Those of the samplers, from the outermost one inwards, and
        that of the workers. Parts without a seed have none in the list.
    """
    seeds = [int(sampler.seed) for sampler in _seeded(loader.batch_sampler)]
    if _seeds_workers(loader):
        seeds.append(int(loader.worker_init_fn.keywords['seed']))
    return seeds


def write_seeds(loader: DataLoader, seeds: Sequence[int]) -> None:
    """Give a data loader other seeds, and let its samplers begin anew.

    Args:
        loader (DataLoader): With a batch sampler.
        seeds (Sequence[int]): As :func:`read_seeds` gives them.

    Raises:
        ValueError: If the loader has another number of seeded parts.
    """
    if len(seeds) != len(read_seeds(loader)):
        raise ValueError(
            f'the data loader has {len(read_seeds(loader))} seeds, of its '
            f'samplers and of its workers, got {len(seeds)}')
    seeds = list(seeds)
    if _seeds_workers(loader):
        init_fn = loader.worker_init_fn
        loader.worker_init_fn = partial(
            init_fn.func, *init_fn.args,
            **dict(init_fn.keywords, seed=seeds.pop()))
    for sampler, seed in zip(_seeded(loader.batch_sampler), seeds):
        sampler.seed = seed
        if isinstance(sampler, InfiniteSampler):
            # It goes on with a stream, from which a loop of iterations has
            # taken the first indices when it was built.
            InfiniteSampler.__init__(sampler, sampler.dataset,
                                     sampler.shuffle, seed)


def set_epoch(batch_sampler: Sampler, epoch: int) -> None:
    """Tell all samplers behind a batch sampler the epoch.

    Args:
        batch_sampler (Sampler): Gives lists of indices.
        epoch (int): The epoch.
    """
    for sampler in _samplers(batch_sampler):
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)


def seed_generators(batch_sampler: Sampler, *key: int) -> None:
    """Seed the generators that samplers, as those of PyTorch, hold.

    Args:
        batch_sampler (Sampler): Gives lists of indices.
        *key (int): Whole numbers of 0 or more.
    """
    for sampler in _samplers(batch_sampler):
        generator = getattr(sampler, 'generator', None)
        if isinstance(generator, torch.Generator):
            seed = np.random.SeedSequence(key).generate_state(1)[0]
            generator.manual_seed(int(seed))


def _samplers(batch_sampler: Any) -> List[Any]:
    """A batch sampler and what it draws from, the outermost first."""
    samplers = [batch_sampler]
    for sampler in samplers:  # grows meanwhile
        samplers += [
            part for part in getattr(sampler, '__dict__', {}).values()
            if isinstance(part, Sampler) and part not in samplers
        ]
    return samplers


def _seeded(batch_sampler: Any) -> List[Any]:
    return [
        sampler for sampler in _samplers(batch_sampler)
        if isinstance(getattr(sampler, 'seed', None), Integral)
    ]


def _seeds_workers(loader: DataLoader) -> bool:
    init_fn = loader.worker_init_fn
    return isinstance(init_fn, partial) and isinstance(
        init_fn.keywords.get('seed'), Integral)
