"""Random transforms that depend on the place in the training, not on what a
process has drawn before."""
import random
from typing import Any, Iterator, List, NamedTuple, Union

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler


class Place(NamedTuple):
    """Where in the training an image is wanted.

    Attributes:
        epoch (int): The epoch.
        batch (int): Number of the batch in the epoch.
        slot (int): Number of the image in the batch.
        index (int): Number of the image in the data set.
    """
    epoch: int
    batch: int
    slot: int
    index: int


class SeededBatches(Sampler):
    """Batches of a batch sampler that know their place.

    Args:
        batch_sampler (Sampler): Gives lists of indices.
    """

    def __init__(self, batch_sampler: Sampler) -> None:
        self.batch_sampler = batch_sampler
        self._epoch = self._skip = 0

    def start(self, epoch: int, skip: int = 0) -> None:
        """Say what the next pass is.

        Args:
            epoch (int): The epoch.
            skip (int): How many batches were seen before. Defaults to 0.
        """
        self._epoch = epoch
        self._skip = skip

    def __iter__(self) -> Iterator[List[Place]]:
        epoch, skip = self._epoch, self._skip
        # A loop that does not say where it is makes one pass after another.
        self.start(epoch + 1)
        for batch, indices in enumerate(self.batch_sampler):
            if batch >= skip:
                yield [
                    Place(epoch, batch, slot, index)
                    for slot, index in enumerate(indices)
                ]

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __getattr__(self, name: str) -> Any:
        if name == 'batch_sampler':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.batch_sampler, name)


class SeededDataset(Dataset):
    """A data set whose random numbers are a function of the place.

    Args:
        dataset (Dataset): With random transforms.
        seed (int): The seed of the run.
        rank (int): The process.
    """

    def __init__(self, dataset: Dataset, seed: int, rank: int) -> None:
        self.dataset = dataset
        self.seed = seed
        self.rank = rank

    def __getitem__(self, place: Union[Place, int]) -> Any:
        if not isinstance(place, Place):  # outside the training loop
            return self.dataset[place]
        key = self.seed, self.rank, *place
        seeds = np.random.SeedSequence(key).generate_state(3)
        random.seed(int(seeds[0]))
        np.random.seed(seeds[1])
        # torch.manual_seed() would queue a call for CUDA with each image.
        torch.default_generator.manual_seed(int(seeds[2]))
        return self.dataset[place.index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)
