"""Storages of checkpoints: bytes that tensors share."""
import re
from typing import Any, Callable, Dict, NamedTuple, Optional

import torch

from .errors import AbsentDeviceError
from .pickles import Symbol

_LOCATION = re.compile(r'[a-z]+(:\d+)?$')


class Storage(NamedTuple):
    """The bytes of one or more tensors.

    Args:
        untyped (torch.UntypedStorage): The bytes, where they shall be.
        dtype (torch.dtype, optional): Of the tensors; None for those that
            say it themselves.
        size (int): How many bytes there are. PyTorch 2.1 forgets it of
            storages without values.
    """
    untyped: torch.UntypedStorage
    dtype: Optional[torch.dtype]
    size: int


class Storages:
    """The storages of one checkpoint, by the ids in its pickle.

    Args:
        create (Callable): Takes a key and a number of bytes; returns a
            storage in main memory, or raises if it cannot be so large.
        map_location (optional): As in :func:`torch.load`.
    """

    def __init__(self, create: Callable[[str, int], torch.UntypedStorage],
                 map_location: Any) -> None:
        self._create = create
        self._map_location = map_location
        self._sizes: Dict[str, int] = {}
        self._storages: Dict[str, torch.UntypedStorage] = {}

    def load(self, persistent_id: Any) -> Storage:
        """The storage that a pickle names by its id."""
        kind, symbol, key, location, numel, *view = persistent_id
        if kind != 'storage' or type(symbol) is not Symbol or \
                type(symbol.value) not in (torch.dtype, type(None)) or \
                type(key) is not str or type(location) is not str or \
                not _LOCATION.match(location) or type(numel) is not int or \
                numel < 0 or any(item is not None for item in view):
            raise ValueError('the id of a storage is wrong')
        size = numel * (element_size(symbol.value) if symbol.value else 1)
        if key not in self._storages:
            self._sizes[key] = size
            self._storages[key] = self._place(
                self._create(key, size), location)
        if self._sizes[key] != size:
            raise ValueError('a storage has two sizes')
        return Storage(self._storages[key], symbol.value, size)

    def _place(self, storage: torch.UntypedStorage,
               location: str) -> torch.UntypedStorage:
        target = self._map_location
        if isinstance(target, dict):
            location = target.get(location, location)
        elif callable(target):
            placed = target(storage, location)
            if placed is not None:
                return placed
        elif target is not None:
            location = str(target)
        try:
            return torch.serialization.default_restore_location(
                storage, location)
        except RuntimeError as error:
            raise AbsentDeviceError(
                f'its tensors are for the device {location!r}, which is not '
                "here; load it with map_location='cpu'") from error


def stay(storage: torch.UntypedStorage,
         location: str) -> torch.UntypedStorage:
    """A ``map_location`` that leaves storages where they were created."""
    return storage


def element_size(dtype: torch.dtype) -> int:
    """Bytes of an element."""
    return torch.empty((), dtype=dtype).element_size()


def bytes_of(storage: torch.UntypedStorage) -> memoryview:
    """The bytes of a storage in main memory, to be written to."""
    flat = torch.empty((0, ), dtype=torch.uint8).set_(storage)
    if not len(flat):
        return memoryview(b'')
    return memoryview(flat.numpy()).cast('B')
