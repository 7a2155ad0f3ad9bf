from functools import partial

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler, worker_init_fn
from mmpretrain.datasets.samplers import RepeatAugSampler
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler

from samix_mm.datasets.sampler_seeds import (read_seeds, seed_generators,
                                             set_epoch, write_seeds)

DATA = list(range(12))


class Reversed(Sampler):
    """Draws from another sampler and has a seed of its own."""

    def __init__(self, base):
        self.base = base
        self.seed = 5

    def __iter__(self):
        return iter(list(self.base)[::-1])


def loader(sampler, **kwargs):
    return DataLoader(DATA, 4, sampler=sampler, **kwargs)


def first_batches(of, num=3):
    batches = iter(of.batch_sampler)
    return [next(batches) for _ in range(num)]


@pytest.mark.parametrize(
    'kind', [DefaultSampler, InfiniteSampler, RepeatAugSampler])
def test_another_sampler_of_the_same_seeds_gives_the_same(kind):
    one, other = loader(kind(DATA, seed=3)), loader(kind(DATA, seed=4))
    batches = first_batches(one)
    assert batches != first_batches(other)
    assert read_seeds(one) == [3] and read_seeds(other) == [4]
    write_seeds(other, read_seeds(one))
    assert read_seeds(other) == [3]
    assert first_batches(other) == batches


def test_seeds_of_nested_samplers_and_of_workers():
    init_fn = partial(worker_init_fn, num_workers=2, rank=0, seed=11)
    batch_sampler = BatchSampler(
        Reversed(DefaultSampler(DATA, seed=3)), 4, drop_last=False)
    of = DataLoader(DATA, batch_sampler=batch_sampler, worker_init_fn=init_fn)
    assert read_seeds(of) == [5, 3, 11]
    write_seeds(of, [6, 7, 8])
    assert read_seeds(of) == [6, 7, 8]
    assert batch_sampler.sampler.base.seed == 7
    assert of.worker_init_fn.keywords == dict(num_workers=2, rank=0, seed=8)
    assert init_fn.keywords['seed'] == 11


def test_nothing_is_invented_where_there_is_no_seed():
    of = DataLoader(DATA, 4, worker_init_fn=partial(print, 'x'))
    assert read_seeds(of) == []
    write_seeds(of, [])
    with pytest.raises(ValueError, match='has 0 seeds, .* got 1'):
        write_seeds(of, [1])


def test_samplers_that_know_each_other():
    sampler = Reversed(DefaultSampler(DATA, seed=3))
    sampler.base.user = sampler
    assert read_seeds(loader(sampler)) == [5, 3]


def test_epochs_reach_the_innermost_sampler():
    of = loader(Reversed(DefaultSampler(DATA, seed=3)))
    batches = first_batches(of)
    set_epoch(of.batch_sampler, 1)
    assert of.sampler.base.epoch == 1
    assert first_batches(of) != batches


def test_generators_are_seeded_by_the_key():
    sampler = RandomSampler(DATA, generator=torch.Generator())
    orders = []
    for key in ((0, 1), (0, 2), (0, 1)):
        seed_generators(sampler, *key)
        orders.append(list(sampler))
    assert orders[0] == orders[2] != orders[1]
