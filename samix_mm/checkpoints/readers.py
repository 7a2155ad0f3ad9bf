"""Read either format of ``torch.save`` without running code."""
import io
import os
import stat
import sys
from typing import Any, BinaryIO, Optional

import torch

from .archive import Archive, is_archive
from .errors import DamagedCheckpointError, UnsafeCheckpointError
from .limits import check_limits
from .old_format import read_old_format
from .pickles import interpret_pickle
from .storages import Storages, bytes_of, stay
from .trusted_types import BUILDERS, SYMBOLS


def read_checkpoint(file: BinaryIO,
                    map_location: Any = None,
                    with_values: bool = True) -> dict:
    """Read a checkpoint without running code from it.

    Args:
        file (BinaryIO): The file, seekable.
        map_location (optional): As in :func:`torch.load`.
        with_values (bool): Whether tensors get memory; if not, the file is
            read and compared with its checksums all the same. Defaults to
            True.

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
    checkpoint = read(file, map_location, with_values)
    check_limits(checkpoint, file_size)
    return checkpoint


def damage_of(path: str) -> Optional[str]:
    """Find out whether a checkpoint can be read to its end.

    Args:
        path (str): The file.

    Returns:
        str | None: What is wrong with it; None if it is whole. A file that
        is refused as unsafe is not damaged: whoever loads it is told.

    Raises:
        OSError: If it cannot be read for another reason than its content,
            such as permissions or a failing disk.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return 'it is no regular file'
        with open(path, 'rb') as file:
            read_checkpoint(file, with_values=False)
    except (FileNotFoundError, NotADirectoryError):
        return 'there is no such file'
    except UnsafeCheckpointError:
        return None
    except DamagedCheckpointError as error:
        return str(error)
    return None


def _read_archive(file: BinaryIO, map_location: Any,
                  with_values: bool) -> Any:
    archive = Archive(file)
    _check_byte_order(archive)

    def create(key: str, size: int) -> torch.UntypedStorage:
        name = f'data/{key}'
        if archive.size(name) != size:
            raise DamagedCheckpointError(
                f'its storage {name[:80]!r} should have {size:,} bytes, and '
                f'has {archive.size(name):,}')
        if not with_values:
            return torch.UntypedStorage(size, device='meta')
        storage = torch.UntypedStorage(size)
        archive.read_into(name, bytes_of(storage))
        return storage

    storages = Storages(create, map_location if with_values else stay)
    content = io.BytesIO(archive.read('data.pkl'))
    try:
        return interpret_pickle(content, SYMBOLS, BUILDERS, storages.load)
    finally:  # of what is both damaged and unsafe, the damage is told
        archive.check_rest()


def _check_byte_order(archive: Archive) -> None:
    """Files of PyTorch before 2.1 do not say it."""
    if archive.has('byteorder') and \
            archive.read('byteorder') != sys.byteorder.encode():
        raise DamagedCheckpointError(
            'it was written by a computer with another order of bytes')
