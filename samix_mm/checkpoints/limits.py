"""Whether what was read from a checkpoint is what a training can use.

Nothing here is larger than the file yet, but its users go through all of it
by recursion, and copy its tensors.
"""
from collections import Counter, OrderedDict
from types import FunctionType
from typing import Any, Dict, Iterable, List

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from .errors import DamagedCheckpointError, UnsafeCheckpointError
from .trusted_types import FUNCTIONS

MAX_DEPTH = 100
#: Values, each counted as often as it is referred to.
MAX_VALUES = 10_000_000
#: How many times as large as the file all tensors may be that somebody makes
#: contiguous. Buffers that were expanded share their elements.
MAX_EXPANSION = 16
MIN_EXPANDED = 1 << 28

_DICTS = (dict, OrderedDict, Counter, ConfigDict)
_LISTS = (list, tuple, set, frozenset)
_LEAVES = (type(None), bool, int, float, complex, str, bytes, bytearray,
           slice, np.ndarray, HistoryBuffer, torch.dtype, torch.device,
           torch.Size)
_TENSORS = (torch.Tensor, torch.nn.Parameter)


def check_limits(checkpoint: Any, file_size: int) -> None:
    """Check the types in a checkpoint, and how much they can become.

    Args:
        checkpoint: What was read.
        file_size (int): Bytes of the file.

    Raises:
        DamagedCheckpointError: If it is no dict, or has parts of objects.
        UnsafeCheckpointError: If it would become much larger than its file,
            or is nested so deeply that going through it fails.
    """
    if type(checkpoint) not in _DICTS:
        raise DamagedCheckpointError(
            f'it holds a {type(checkpoint).__name__}, not the dict of a '
            'checkpoint')
    _Survey(max(MAX_EXPANSION * file_size, MIN_EXPANDED)).count(checkpoint)


class _Survey:

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._counts: Dict[int, int] = {}
        self._path: List[Any] = []

    def count(self, value: Any) -> int:
        """How many values this one is, with all in it."""
        kind = type(value)
        if kind in _LEAVES or isinstance(value, np.generic) or (
                kind is FunctionType and value in FUNCTIONS.values()):
            return 1
        if id(value) in self._counts:
            if not self._counts[id(value)]:
                raise UnsafeCheckpointError(f'{self._place} contains itself')
            return self._counts[id(value)]
        if kind in _TENSORS:
            self._measure(value)
        elif kind not in _DICTS + _LISTS:
            raise DamagedCheckpointError(f'{self._place} has a part of an '
                                         'object in place of a value')
        self._counts[id(value)] = 0  # being counted
        count = 1 + self._count_items(value)
        self._counts[id(value)] = count
        return count

    def _count_items(self, value: Any) -> int:
        if len(self._path) == MAX_DEPTH:
            raise UnsafeCheckpointError(
                f'it is nested more than {MAX_DEPTH} deep at {self._place}')
        count = 0
        for name, item in _items(value):
            self._path.append(name)
            count += self.count(item)
            self._path.pop()
            if count > MAX_VALUES:
                raise UnsafeCheckpointError(
                    f'{self._place} has more than {MAX_VALUES:,} values, most '
                    'of them the same ones again')
        return count

    def _measure(self, tensor: torch.Tensor) -> None:
        self._bytes += tensor.numel() * tensor.element_size()
        if self._bytes > self._max_bytes:
            raise UnsafeCheckpointError(
                f'its tensors up to {self._place} have {self._bytes:,} bytes '
                'if each is made contiguous, far more than its file; save '
                'expanded tensors contiguously')

    @property
    def _place(self) -> str:
        return '.'.join(str(name)[:80] for name in self._path[:20]) or 'it'


def _items(value: Any) -> Iterable[tuple]:
    """What is in a value, with names."""
    if type(value) in _DICTS:
        yield from dict.items(value)
    elif type(value) in _LISTS:
        yield from enumerate(value)
    if type(value) in (OrderedDict, *_TENSORS):
        yield from vars(value).items()
