"""The format of ``torch.save`` before PyTorch 1.6.

Five pickles (a magic number, a version, the system, the checkpoint, the keys
of its storages) are followed by the storages, each a number of elements and
as many elements. There are no checksums.
"""
import os
import struct
import sys
from typing import Any, BinaryIO, Dict

import torch

from .errors import (DamagedCheckpointError, ForbiddenGlobalError,
                     UnsafeCheckpointError)
from .pickles import interpret_pickle
from .storages import Storages, bytes_of, stay
from .trusted_types import BUILDERS, SYMBOLS

_MAGIC = 0x1950a86a20f9469cfc6c
_PROTOCOL = 1001
_LENGTH = struct.Struct('<q')
_MAX_LINE = 1 << 10


def read_old_format(file: BinaryIO, map_location: Any,
                    with_values: bool) -> Any:
    """Read a checkpoint of this format.

    The pickle with the tensors is read twice, as it is known only after it
    where their elements are.

    Args:
        file (BinaryIO): The file, at its start.
        map_location: As in :func:`torch.load`.
        with_values (bool): Whether tensors get memory.

    Returns:
        Any: Its content.
    """
    bounded = _Bounded(file)
    _read_header(bounded)
    start = bounded.tell()
    sizes: Dict[str, int] = {}

    def note(key: str, size: int) -> torch.UntypedStorage:
        bounded.check_room(size)
        sizes[key] = size
        return torch.UntypedStorage(size, device='meta')

    def create(key: str, size: int) -> torch.UntypedStorage:
        storage = torch.UntypedStorage(size)
        bounded.read_at(places[key], bytes_of(storage))
        return storage

    noted = Storages(note, stay)
    content = interpret_pickle(bounded, SYMBOLS, BUILDERS, noted.load)
    places = _find_storages(bounded, sizes)
    if not with_values:
        return content
    bounded.seek(start)
    storages = Storages(create, map_location)
    return interpret_pickle(bounded, SYMBOLS, BUILDERS, storages.load)


def _read_header(file: '_Bounded') -> None:
    if file.is_tar():
        raise DamagedCheckpointError(
            'it is a tar file, as PyTorch before 0.1.10 wrote them, and is '
            'not read; load it with torch.load, and save it again')
    try:
        magic, protocol, system = [
            interpret_pickle(file, {}, {}) for _ in range(3)
        ]
    except ForbiddenGlobalError:
        raise
    except (DamagedCheckpointError, UnsafeCheckpointError) as error:
        raise DamagedCheckpointError(
            'it is cut off, or no checkpoint of PyTorch') from error
    if magic != _MAGIC or protocol != _PROTOCOL or type(system) is not dict:
        raise DamagedCheckpointError('it is no checkpoint of PyTorch')
    if not system.get('little_endian', True) or sys.byteorder != 'little':
        raise DamagedCheckpointError(
            'it was written by a computer with another order of bytes')


def _find_storages(file: '_Bounded', sizes: Dict[str, int]
                   ) -> Dict[str, int]:
    """Where the bytes of each storage begin."""
    keys = interpret_pickle(file, {}, {})
    if type(keys) is not list or any(type(key) is not str for key in keys) \
            or sorted(keys) != sorted(sizes):
        raise DamagedCheckpointError('its list of storages is wrong')
    places = {}
    for key in keys:
        count = file.read(_LENGTH.size)
        if len(count) < _LENGTH.size:
            raise DamagedCheckpointError('it is cut off')
        # in elements, whose size is between 1 and 16 bytes
        count, size = _LENGTH.unpack(count)[0], sizes[key]
        if not (count == size == 0 or 0 < count <= size <= 16 * count):
            raise DamagedCheckpointError('the size of a storage is wrong')
        places[key] = file.tell()
        file.check_room(size)
        file.seek(places[key] + size)
    return places


class _Bounded:
    """A file from which no more is read than it has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = file.seek(0, os.SEEK_END)
        file.seek(0)
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._end - self._file.tell()))

    def readline(self) -> bytes:
        return self._file.readline(_MAX_LINE)

    def check_room(self, size: int) -> None:
        """Refuse a size that is more than is left."""
        if size > self._end - self._file.tell():
            raise DamagedCheckpointError(
                'it is cut off: a storage is larger than what is left')

    def read_at(self, place: int, buffer: memoryview) -> None:
        """Fill a buffer from elsewhere in the file."""
        here = self._file.tell()
        self._file.seek(place)
        while buffer:
            count = self._file.readinto(buffer)
            if not count:
                raise DamagedCheckpointError('it is cut off')
            buffer = buffer[count:]
        self._file.seek(here)

    def is_tar(self) -> bool:
        """Whether it is a tar file."""
        self._file.seek(257)
        magic = self._file.read(5)
        self._file.seek(0)
        return magic == b'ustar'
