"""The loader of checkpoints that runs no code from them.

A pickle can run any function when it is loaded, and PyTorch's own ways
around that have had holes in many of its versions. Files are therefore read
by :mod:`~samix_mm.checkpoints.readers`, on every version of PyTorch.
"""
import os
import pickle
import stat
from typing import Any, BinaryIO, Union

import torch

from .archive import Archive, is_archive
from .errors import (AbsentDeviceError, DamagedCheckpointError,
                     ForbiddenGlobalError, UnsafeCheckpointError)
from .readers import read_checkpoint
from .trusted_fields import drop_untrusted_fields

__all__ = [
    'AbsentDeviceError', 'DamagedCheckpointError', 'UnsafeCheckpointError',
    'load_checkpoint', 'load_from_file'
]

#: PyTorch's own switch with which a user vouches for the files that are
#: loaded: https://docs.pytorch.org/docs/stable/notes/serialization.html
VOUCH_VARIABLE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


def load_checkpoint(filename: Union[str, os.PathLike],
                    map_location: Any = None) -> dict:
    """Read a local checkpoint without running code from it.

    It serves ``--resume``, ``load_from``, ``init_cfg=dict(type='Pretrained',
    ...)``, ``get_model`` and the inferencers.

    Args:
        filename (str): Path of the file.
        map_location (str, optional): As in :func:`torch.load`.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read, for lack of permissions say.
        DamagedCheckpointError: If it is cut off or corrupted.
        UnsafeCheckpointError: If it holds anything but dense tensors, plain
            types and those that MMEngine saves. A user who vouches for it
            with ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1`` gets it nevertheless.
        AbsentDeviceError: If its tensors are for a device that is not here,
            and ``map_location`` names no other one.
        ForgedCheckpointError: If a field that MMEngine relies on holds what
            no training writes.
    """
    filename = os.path.expanduser(os.fspath(filename))
    try:
        regular = stat.S_ISREG(os.stat(filename).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        regular = False
    if not regular:  # to open a pipe would wait for a writer
        raise FileNotFoundError(f'{filename} can not be found.')
    with open(filename, 'rb') as file:
        return load_from_file(file, filename, map_location)


def load_from_file(file: BinaryIO, name: str,
                   map_location: Any = None) -> dict:
    """As :func:`load_checkpoint`, from an open file or a buffer.

    Args:
        file (BinaryIO): The file, seekable.
        name (str): What errors call it.
        map_location (str, optional): As in :func:`torch.load`.

    Returns:
        dict: The checkpoint.
    """
    read = _read_vouched if _is_vouched() else read_checkpoint
    try:
        checkpoint = read(file, map_location)
    except ForbiddenGlobalError as error:
        raise UnsafeCheckpointError(
            f'{name} was not loaded: it holds more than tensors and plain '
            f'types, and could run code ({error}). If you trust whoever made '
            f'it, set {VOUCH_VARIABLE}=1 in the environment.') from None
    except UnsafeCheckpointError as error:
        raise UnsafeCheckpointError(
            f'{name} was not loaded: {error}') from None
    except AbsentDeviceError as error:
        raise AbsentDeviceError(f'{name} was not loaded: {error}') from error
    except DamagedCheckpointError as error:
        raise DamagedCheckpointError(
            f'{name} is damaged ({error}); resume from another file, or '
            'write --resume alone to go on from the newest whole one'
        ) from error
    return drop_untrusted_fields(checkpoint, name)


def _is_vouched() -> bool:
    return os.environ.get(VOUCH_VARIABLE, '').lower() in ('1', 'y', 'yes',
                                                          'true')


def _read_vouched(file: BinaryIO, map_location: Any) -> Any:
    """What PyTorch makes of a whole file, code and all."""
    if is_archive(file):
        Archive(file).check_rest()
    file.seek(0)
    try:
        return torch.load(file, map_location, weights_only=False)
    except (EOFError, pickle.UnpicklingError) as error:
        raise DamagedCheckpointError(
            f'it is cut off, or no checkpoint of PyTorch: {error}') from error
