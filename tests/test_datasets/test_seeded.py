import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import (BatchSampler, RandomSampler, Sampler,
                              SequentialSampler)

from samix_mm.datasets.seeded import Place, SeededBatches, SeededDataset

DATA = list(range(10))


def batches_of(sampler, drop_last=False, seed=0):
    return SeededBatches(BatchSampler(sampler, 4, drop_last), seed)


def places(batches):
    return [(batch[0].epoch, batch[0].batch, [place.index for place in batch])
            for batch in batches]


class Careless(Sampler):
    """Draws each index from the global generators."""

    def __iter__(self):
        for _ in range(10):
            yield (random.randrange(10) + np.random.randint(10)
                   + int(torch.randint(10, ()))) % 10


def test_a_pass_says_the_place():
    batches = batches_of(SequentialSampler(DATA))
    batches.start(3, skip=1)
    assert places(batches) == [(3, 1, [4, 5, 6, 7]), (3, 2, [8, 9])]
    # The loop does not say where it is: the next one.
    assert [epoch for epoch, *_ in places(batches)] == [4] * 3
    batches.start(0, skip=3)
    assert places(batches) == []


@pytest.mark.parametrize('drop_last', [False, True])
@pytest.mark.parametrize('skip', range(8))
def test_an_endless_pass_goes_through_the_epochs(drop_last, skip):
    """Those that were passed are not drawn otherwise."""
    whole = batches_of(DefaultSampler(DATA, seed=1), drop_last)
    whole.start(0, endless=True)
    expected = places(islice(whole, 12))
    assert len({tuple(indices) for _, _, indices in expected}) > 8
    resumed = batches_of(DefaultSampler(DATA, seed=1), drop_last)
    resumed.start(0, skip=skip, endless=True)
    assert places(islice(resumed, 12 - skip)) == expected[skip:]


def test_endless_epochs_of_nothing_are_an_error():
    batches = batches_of(SequentialSampler(range(3)), drop_last=True)
    batches.start(0, endless=True)
    with pytest.raises(ValueError, match='train_dataloader has no batches'):
        next(iter(batches))


@pytest.mark.parametrize('sampler', [Careless(), RandomSampler(DATA)])
def test_order_depends_on_seed_and_epoch_alone(sampler):
    orders = {}
    for seed, epoch, outside in ((0, 0, 7), (0, 0, 8), (0, 1, 7), (1, 0, 7)):
        torch.manual_seed(outside)
        random.seed(outside)
        np.random.seed(outside)
        batches = batches_of(sampler, seed=seed)
        batches.start(epoch)
        order = []
        for batch in batches:
            order += [place.index for place in batch]
            torch.rand(outside)  # the training between two batches
        assert orders.setdefault((seed, epoch), order) == order
    assert len({tuple(order) for order in orders.values()}) == 3


def test_the_training_does_not_feel_the_samplers():
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    expected = torch.rand(1), random.random(), np.random.rand()
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    list(batches_of(Careless()))
    assert (torch.rand(1), random.random(), np.random.rand()) == expected


def test_images_depend_on_the_place_alone():

    class Noise:

        def __getitem__(self, index):
            return random.random(), np.random.rand(), torch.rand(()).item()

    dataset = SeededDataset(Noise(), seed=0, rank=0)
    place = Place(0, 1, 2, 3)
    drawn = dataset[place]
    assert dataset[place] == drawn
    others = [place._replace(**{field: 9}) for field in Place._fields]
    assert len({drawn, *(dataset[other] for other in others)}) == 5
    assert SeededDataset(Noise(), seed=0, rank=1)[place] != drawn


def test_both_can_be_sent_to_another_process():
    batches = pickle.loads(pickle.dumps(batches_of(SequentialSampler(DATA))))
    dataset = pickle.loads(pickle.dumps(SeededDataset(DATA, 0, 0)))
    assert len(batches) == 3 and dataset[Place(0, 0, 0, 7)] == 7
    assert dataset[7] == 7
