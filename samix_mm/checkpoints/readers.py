"""Read either format of ``torch.save`` without running code."""
import io
import os
import sys
from typing import Any, BinaryIO

import torch

from .archive import Archive, is_archive
from .errors import DamagedCheckpointError
from .limits import check_limits
from .old_format import read_old_format
from .pickles import read_pickle
from .tensors import Storages, bytes_of
from .trusted_types import BUILDERS, SYMBOLS


def read_checkpoint(file: BinaryIO, map_location: Any = None) -> dict:
    """Read a checkpoint without running code from it.

    Args:
        file (BinaryIO): The file, seekable.
        map_location (optional): As in :func:`torch.load`.

    Returns:
        dict: The checkpoint.

    Raises:
        DamagedCheckpointError: If it is cut off or corrupted.
        UnsafeCheckpointError: If it holds anything but dense tensors and
            trusted types, or would become much larger than its file.
        AbsentDeviceError: If its tensors are for a device that is not here.
        OSError: If the file cannot be read.
    """
    read = _read_archive if is_archive(file) else read_old_format
    file_size = file.seek(0, os.SEEK_END)
    file.seek(0)
    checkpoint = read(file, map_location)
    check_limits(checkpoint, file_size)
    return checkpoint


def _read_archive(file: BinaryIO, map_location: Any) -> Any:
    archive = Archive(file)
    _check_byte_order(archive)

    def create(key: str, size: int) -> torch.UntypedStorage:
        name = f'data/{key}'
        if archive.size(name) != size:
            raise DamagedCheckpointError(
                f'its storage {name[:80]!r} should have {size:,} bytes, and '
                f'has {archive.size(name):,}')
        storage = torch.UntypedStorage(size)
        archive.read_into(name, bytes_of(storage))
        return storage

    storages = Storages(create, map_location)
    content = io.BytesIO(archive.read('data.pkl'))
    checkpoint = read_pickle(content, SYMBOLS, BUILDERS, storages.load)
    archive.check_rest()
    return checkpoint


def _check_byte_order(archive: Archive) -> None:
    """Files of PyTorch before 2.1 do not say it."""
    if archive.has('byteorder') and \
            archive.read('byteorder') != sys.byteorder.encode():
        raise DamagedCheckpointError(
            'it was written by a computer with another order of bytes')
