"""What a checkpoint may hold besides tensors, and how it is made.

Plain types of Python, and what a stock training of MMEngine saves: histories
of logged values, scalars and arrays of NumPy, its own kind of dict. Each has
a constructor here that makes exactly this type of checked arguments; nothing
is looked up by a name that is in the file.
"""
from collections import Counter, OrderedDict
from math import prod
from typing import Any, Dict, Optional, Sequence

import numpy as np
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from .pickles import Symbol
from .tensors import TENSOR_BUILDERS, TENSOR_SYMBOLS

_LATIN = ('latin1', 'latin-1')
#: Numbers and texts; objects and records can hold anything.
_ARRAY_KINDS = 'biufcSU'
_MAX_ARRAY_DIMS = 32
_BYTE_ORDERS = ('<', '>', '|', '=')

_HISTORY = 'mmengine.logging.history_buffer.HistoryBuffer'
_ONE_CYCLE = 'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler'

#: Functions of MMEngine that its objects keep, and compute numbers.
FUNCTIONS = {
    (_ONE_CYCLE, name): getattr(OneCycleParamScheduler, name)
    for name in ('_annealing_cos', '_annealing_linear')
}


class DataType:
    """NumPy's type of an array's elements, while it is being made."""

    def __init__(self, name: str, *flags: Any) -> None:
        if type(name) is not str or not name[:1].isalpha():
            raise ValueError('an array has an unknown data type')
        self.numpy = _checked(np.dtype(name))


def _checked(dtype: np.dtype) -> np.dtype:
    if dtype.kind not in _ARRAY_KINDS or dtype.hasobject or \
            dtype.shape or dtype.names:
        raise ValueError('an array has an unknown data type')
    return dtype


def _set_byte_order(dtype: DataType, state: Sequence[Any]) -> None:
    if state[1] not in _BYTE_ORDERS or any(
            item is not None for item in state[2:5]):
        raise ValueError('the data type of an array is wrong')
    dtype.numpy = dtype.numpy.newbyteorder(state[1])


def _array(kind: Symbol, shape: Any, code: Any) -> np.ndarray:
    """What is filled by :func:`_fill_array`."""
    if type(kind) is not Symbol or kind.name != 'numpy.ndarray':
        raise ValueError('an array is of an unknown class')
    return np.empty(0, np.int8)


def _fill_array(array: np.ndarray, state: Sequence[Any]) -> None:
    _, shape, dtype, in_fortran_order, content = state
    if type(dtype) is not DataType or type(content) is not bytes or \
            type(shape) is not tuple or len(shape) > _MAX_ARRAY_DIMS or \
            not all(type(length) is int and length >= 0
                    for length in shape) or prod(shape) > len(content):
        raise ValueError('the content of an array is wrong')
    # checks that the content is as long as the shape says
    array.__setstate__(
        (1, shape, dtype.numpy, bool(in_fortran_order), content))


def _scalar(dtype: DataType, content: bytes) -> np.generic:
    if type(dtype) is not DataType or type(content) is not bytes or \
            len(content) != dtype.numpy.itemsize:
        raise ValueError('a scalar of NumPy is wrong')
    if not content:  # an empty text
        return dtype.numpy.type()
    return np.frombuffer(content, dtype.numpy)[0]


def _history() -> HistoryBuffer:
    """What is filled by :func:`_fill_history`."""
    return HistoryBuffer()


def _fill_history(history: HistoryBuffer, state: Dict[str, Any]) -> None:
    log, count = state['_log_history'], state['_count_history']
    length = state['max_length']
    for values in (log, count):
        if type(values) is not np.ndarray or values.ndim != 1 or \
                values.dtype.kind not in 'biuf' or len(values) > length:
            raise ValueError('the history of a logged value is wrong')
    if type(length) is not int:
        raise ValueError('the length of a history is no integer')
    # Its methods of statistics are left out: it has them by its class.
    HistoryBuffer.__init__(history, log, count, length)


def _attribute(owner: Symbol, name: str) -> Any:
    """``getattr``, by which functions of a class are pickled."""
    if type(owner) is Symbol and type(name) is str:
        if owner.name == _HISTORY:
            return Symbol(f'{_HISTORY}.{name}')
        if (owner.name, name) in FUNCTIONS:
            return FUNCTIONS[owner.name, name]
    raise ValueError('an attribute is looked up')


def _encoded(text: str, encoding: str) -> bytes:
    """How bytes are pickled."""
    if type(text) is not str or encoding not in _LATIN:
        raise ValueError('bytes are no bytes')
    return text.encode('latin1')


def _of(kind: type, *accepted: type) -> Any:
    """A constructor that takes nothing, or one object of these types."""

    def construct(*arguments: Any) -> Any:
        if len(arguments) > 1 or any(
                type(argument) not in accepted for argument in arguments):
            raise ValueError(f'a {kind.__name__} is made of something else')
        return kind(*arguments)

    return construct


def _set_of(kind: type) -> Any:

    def construct(items: Sequence[Any] = ()) -> Any:
        if not all(type(item) in (str, int, bytes, bool, type(None))
                   for item in items):
            raise ValueError(f'a {kind.__name__} has unknown members')
        return kind(items)

    return construct


def _complex(real: float, imaginary: float) -> complex:
    return complex(float(real), float(imaginary))


def _config_dict(items: Dict[str, Any]) -> ConfigDict:
    """What is in it is a ConfigDict already where it was one; ConfigDict
    itself would go through all of it."""
    if type(items) is not dict:
        raise ValueError('a ConfigDict is made of something else')
    config = ConfigDict()
    for key, value in items.items():
        dict.__setitem__(config, key, value)
    return config


def _slice(start: Optional[int], stop: Optional[int],
           step: Optional[int]) -> slice:
    if not all(type(number) in (int, type(None))
               for number in (start, stop, step)):
        raise ValueError('a slice has no numbers')
    return slice(start, stop, step)


def _ordered_dict(pairs: Sequence[Sequence[Any]] = ()) -> OrderedDict:
    if not all(type(pair) in (list, tuple) and type(pair[0]) is str
               for pair in pairs):
        raise ValueError('the pairs of a dict are wrong')
    return OrderedDict(pairs)


_CONSTRUCTORS = {
    'collections.OrderedDict': _ordered_dict,
    'collections.Counter': _of(Counter, dict),
    'builtins.set': _set_of(set),
    'builtins.frozenset': _set_of(frozenset),
    'builtins.bytes': _of(bytes, bytes),
    'builtins.bytearray': _of(bytearray, bytes),
    'builtins.complex': _complex,
    'builtins.slice': _slice,
    'builtins.getattr': _attribute,
    '_codecs.encode': _encoded,
    'numpy.dtype': DataType,
    'numpy.ndarray': None,
    **{
        f'numpy.{core}.multiarray.{name}': construct
        for core in ('core', '_core')
        for name, construct in (('scalar', _scalar), ('_reconstruct', _array))
    },
    'mmengine.config.config.ConfigDict': _config_dict,
    _HISTORY: _history,
    _ONE_CYCLE: None,
}

#: All names that may occur in a checkpoint.
SYMBOLS = {
    **TENSOR_SYMBOLS,
    **{
        name: Symbol(name, construct)
        for name, construct in _CONSTRUCTORS.items()
    }
}

#: How the state of each type is set.
BUILDERS = {
    **TENSOR_BUILDERS, DataType: _set_byte_order, np.ndarray: _fill_array,
    HistoryBuffer: _fill_history
}
