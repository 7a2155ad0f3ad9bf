"""Random transforms and orders that depend on the place in the training, not
on what a process has drawn before."""
from itertools import count, islice
from typing import Any, Generator, Iterator, List, NamedTuple, Union

from torch.utils.data import Dataset, Sampler

from ..utils.random_state import PrivateRandomness, seed_global_generators
from .sampler_seeds import seed_generators, set_epoch


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

    What the samplers draw from the global generators is a function of the
    seed and the epoch as well.

    Args:
        batch_sampler (Sampler): Gives lists of indices.
        seed (int): The seed of the run. Defaults to 0.
    """

    def __init__(self, batch_sampler: Sampler, seed: int = 0) -> None:
        self.batch_sampler = batch_sampler
        self.seed = seed
        self.start(0)

    def start(self, epoch: int, skip: int = 0, endless: bool = False) -> None:
        """Say what the next pass is.

        Args:
            epoch (int): The epoch.
            skip (int): How many batches were seen before. Defaults to 0.
            endless (bool): Go on with the next epochs in the same pass, the
                skipped ones included, as a loop of iterations wants it.
                Defaults to False.
        """
        self._epoch = epoch
        self._skip = skip
        self._endless = endless

    def __iter__(self) -> Iterator[List[Place]]:
        first, skip, endless = self._epoch, self._skip, self._endless
        # A loop that does not say where it is makes one pass after another.
        self.start(first + 1)
        if not endless:
            yield from self._pass(first, skip)
            return
        for epoch in count(first):
            set_epoch(self.batch_sampler, epoch)
            seen = yield from self._pass(epoch, skip)
            if not seen:
                raise ValueError(
                    'train_dataloader has no batches: its data set is empty, '
                    'or smaller than batch_size with drop_last=True')
            skip -= min(seen, skip)

    def _pass(self, epoch: int,
              skip: int) -> Generator[List[Place], None, int]:
        """An epoch without its first batches; how many it has with them."""
        randomness = PrivateRandomness(self.seed, epoch)
        seed_generators(self.batch_sampler, self.seed, epoch)
        batches = iter(self.batch_sampler)
        with randomness:
            seen = sum(1 for _ in islice(batches, skip))
        while True:
            with randomness:
                indices = next(batches, None)
            if indices is None:
                return seen
            yield [
                Place(epoch, seen, slot, index)
                for slot, index in enumerate(indices)
            ]
            seen += 1

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __getattr__(self, name: str) -> Any:
        # Not there while unpickling; Python < 3.11 also asks for __getstate__.
        if name == 'batch_sampler' or name.startswith('__'):
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
        seed_global_generators(self.seed, self.rank, *place)
        return self.dataset[place.index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        # Not there while unpickling; Python < 3.11 also asks for __getstate__.
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)
