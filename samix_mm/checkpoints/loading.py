"""Checkpoints without code: what is written, and what is let in.

A pickle can run any function when it is loaded. Files from other people are
therefore read with ``torch.load(weights_only=True)`` on every version of
PyTorch, and our own are written such that this suffices.
"""
import os
import os.path as osp
import pickle
from typing import Any, Optional

import torch
from mmengine.runner.checkpoint import CheckpointLoader

#: PyTorch's own switch with which a user vouches for the files that are
#: loaded: https://docs.pytorch.org/docs/stable/notes/serialization.html
VOUCH_VARIABLE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


class DamagedCheckpointError(RuntimeError):
    """A checkpoint cannot be read to its end."""


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than tensors and plain types."""


def load_checkpoint(filename: str, map_location: Any = None) -> dict:
    """Read a local checkpoint without running code from it.

    Registered as MMEngine's loader of local files, it serves ``--resume``,
    ``load_from``, ``init_cfg=dict(type='Pretrained', ...)``, ``get_model``
    and the inferencers.

    Args:
        filename (str): Path of the file.
        map_location (str, optional): As in :func:`torch.load`.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If it is cut off or corrupted.
        UnsafeCheckpointError: If it holds anything but tensors and plain
            types, unless the user vouches for it with
            ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1``.
    """
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    vouched = os.environ.get(VOUCH_VARIABLE, '').lower() in ('1', 'y', 'yes',
                                                            'true')
    try:
        return torch.load(
            filename, map_location=map_location, weights_only=not vouched)
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpointError(
            f'{filename} was not loaded: it holds more than tensors and plain '
            f'types, and could run code ({_first_line(error)}). If you trust '
            f'whoever made it, set {VOUCH_VARIABLE}=1 in the environment.'
        ) from None
    except (RuntimeError, EOFError, OSError) as error:
        raise DamagedCheckpointError(
            f'{filename} is damaged ({_first_line(error)}); resume from '
            'another file, or write --resume alone to go on from the newest '
            'whole one') from error


def _first_line(error: Exception) -> Optional[str]:
    """The line of PyTorch's long advice that names the culprit."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if 'nsupported' in line
                 or 'GLOBAL' in line), lines[0] if lines else 'unreadable')


def register_safe_loaders() -> None:
    """Let MMEngine read checkpoints with :func:`load_checkpoint`."""
    CheckpointLoader.register_scheme(
        prefixes='', loader=load_checkpoint, force=True)
