"""What this package writes of a training: tensors and plain types alone.

Such a file is read with ``torch.load(weights_only=True)`` by everybody, stock
MMPretrain included.
"""
from collections import OrderedDict
from copy import copy
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

#: Marks the plain form of a HistoryBuffer.
HISTORY_KEY = '__history_buffer__'


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
