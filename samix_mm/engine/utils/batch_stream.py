from typing import Any, Iterator, Optional

from torch.utils.data import DataLoader


class BatchStream:
    """The batches of a loop of iterations, from its place on.

    A resumed ``IterBasedTrainLoop`` first goes through what it has seen, and
    loads it again. Here that costs nothing: the loader begins at the place
    by itself, and is not asked before a batch is wanted.

    Args:
        loader (DataLoader): Begins where the training goes on.
        passed (int): How many batches the loop takes and drops at first.
    """

    def __init__(self, loader: DataLoader, passed: int) -> None:
        self._loader = loader
        self._passed = passed
        self._batches: Optional[Iterator[Any]] = None

    def __iter__(self) -> 'BatchStream':
        return self

    def __next__(self) -> Any:
        if self._passed:
            self._passed -= 1
            return None
        if self._batches is None:
            self._batches = iter(self._loader)
        return next(self._batches)

    def skip_iter(self, num_iters: int) -> None:
        """How onedl-mmengine goes to the place; it is reached already."""
