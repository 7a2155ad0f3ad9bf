"""Checkpoints without code: what is written, and what is let in.

A pickle can run any function when it is loaded. Files from other people are
therefore read with ``torch.load(weights_only=True)`` on every version of
PyTorch, and our own are written such that this suffices.
"""
import hashlib
import os
import os.path as osp
import pickle
from collections import OrderedDict
from copy import copy
from typing import Any, Optional

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

#: Marks the plain form of a HistoryBuffer.
HISTORY_KEY = '__history_buffer__'

#: PyTorch's own switch with which a user vouches for the files that are
#: loaded: https://docs.pytorch.org/docs/stable/notes/serialization.html
VOUCH_VARIABLE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'

#: What a plain ``ImageClassifier`` has.
ONLINE_PARTS = ('backbone.', 'neck.', 'head.')


class DamagedCheckpointError(RuntimeError):
    """A checkpoint cannot be read to its end."""


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than tensors and plain types."""


def to_plain(value: Any) -> Any:
    """Replace NumPy values and MMEngine's log histories by plain types.

    Args:
        value: Nested dicts, lists and tuples of values.

    Returns:
        The same with plain types and tensors in their place.
    """
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        return {
            HISTORY_KEY: torch.from_numpy(np.array(log, dtype=np.float64)),
            'count': torch.from_numpy(np.array(count, dtype=np.float64)),
            'max_length': value.max_length
        }
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, OrderedDict):
        plain = copy(value)  # with the metadata of a state dict
        for key in plain:
            plain[key] = to_plain(plain[key])
        return plain
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(to_plain(item) for item in value)
    return value


def from_plain(value: Any) -> Any:
    """Make the log histories again that :func:`to_plain` replaced.

    Args:
        value: Nested dicts of values.

    Returns:
        The same with ``HistoryBuffer`` objects in their place.
    """
    if not isinstance(value, dict):
        return value
    if HISTORY_KEY in value:
        return HistoryBuffer(value[HISTORY_KEY].tolist(),
                             value['count'].tolist(), value['max_length'])
    return OrderedDict((key, from_plain(item)) for key, item in value.items())


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


def publish_checkpoint(in_file: str, out_file: str) -> str:
    """Write the online network alone, for stock MMPretrain to load.

    Args:
        in_file (str): Checkpoint of a training.
        out_file (str): Where to write; the first eight digits of the file's
            SHA-256 are put before the suffix, as MM's projects do.

    Returns:
        str: The path of the written file.

    Raises:
        ValueError: If the checkpoint has no backbone.
    """
    checkpoint = load_checkpoint(in_file, map_location='cpu')
    weights = OrderedDict(
        (key, value) for key, value in checkpoint['state_dict'].items()
        if key.startswith(ONLINE_PARTS))
    if not any(key.startswith('backbone.') for key in weights):
        raise ValueError(f'{in_file} has no weights of a backbone')
    published = dict(state_dict=weights, meta=to_plain(checkpoint['meta']))
    stem, suffix = osp.splitext(out_file)
    unnamed = f'{stem}.tmp'
    torch.save(published, unnamed)
    with open(unnamed, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    named = f'{stem}-{digest[:8]}{suffix or ".pth"}'
    os.replace(unnamed, named)
    return named


def _first_line(error: Exception) -> Optional[str]:
    """The line of PyTorch's long advice that names the culprit."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if 'nsupported' in line
                 or 'GLOBAL' in line), lines[0] if lines else 'unreadable')


CheckpointLoader.register_scheme(
    prefixes='', loader=load_checkpoint, force=True)
