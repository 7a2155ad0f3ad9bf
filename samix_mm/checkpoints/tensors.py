"""Tensors of checkpoints, checked against the bytes that are there."""
from collections import OrderedDict
from math import prod
from typing import Any, Dict, Sequence

import torch

from .errors import UnsafeCheckpointError
from .pickles import Symbol
from .storages import Storage, element_size

_STORAGE_TYPES = dict(
    Double=torch.float64, Float=torch.float32, Half=torch.float16,
    BFloat16=torch.bfloat16, Long=torch.int64, Int=torch.int32,
    Short=torch.int16, Char=torch.int8, Byte=torch.uint8, Bool=torch.bool,
    ComplexFloat=torch.complex64, ComplexDouble=torch.complex128,
    QInt8=torch.int8, QUInt8=torch.uint8, QInt32=torch.int32,
    QUInt4x2=torch.uint8, QUInt2x4=torch.uint8)
#: Functions of ``torch._utils`` for tensors that are not dense.
_OTHER_TENSORS = (
    '_rebuild_sparse_tensor', '_rebuild_sparse_csr_tensor',
    '_rebuild_qtensor', '_rebuild_nested_tensor',
    '_rebuild_meta_tensor_no_storage', '_rebuild_wrapper_subclass',
    '_rebuild_device_tensor_from_numpy',
    '_rebuild_device_tensor_from_cpu_tensor')
_CONSTANTS = {
    f'torch.{name}': value
    for name, value in vars(torch).items()
    if isinstance(value, (torch.dtype, torch.qscheme))
}
_MAX_DIMS = 64


def rebuild(storage: Storage, offset: int, size: Sequence[int],
            stride: Sequence[int], requires_grad: bool = False,
            backward_hooks: Any = None, metadata: Any = None
            ) -> torch.Tensor:
    """A tensor, as ``torch._utils._rebuild_tensor_v2`` makes it, if all of
    its elements are within its storage."""
    if type(storage) is not Storage or storage.dtype is None:
        raise ValueError('a tensor has no storage')
    return _view(storage, storage.dtype, offset, size, stride,
                 requires_grad, metadata)


def rebuild_typed(storage: Storage, offset: int, size: Sequence[int],
                  stride: Sequence[int], requires_grad: bool,
                  backward_hooks: Any, dtype: torch.dtype,
                  metadata: Any = None) -> torch.Tensor:
    """As :func:`rebuild`, of the data types without a storage's type."""
    if type(storage) is not Storage or type(dtype) is not torch.dtype:
        raise ValueError('a tensor has no storage or data type')
    return _view(storage, dtype, offset, size, stride, requires_grad,
                 metadata)


def _view(storage: Storage, dtype: torch.dtype, offset: int,
          size: Sequence[int], stride: Sequence[int], requires_grad: bool,
          metadata: Any) -> torch.Tensor:
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride) or len(size) > _MAX_DIMS or not all(
            type(number) is int and 0 <= number < 1 << 62
            for number in (offset, *size, *stride)):
        raise ValueError('the shape of a tensor is wrong')
    last = offset + sum(
        (length - 1) * step for length, step in zip(size, stride))
    if 0 not in size and (last + 1) * element_size(dtype) > storage.size:
        raise ValueError('a tensor reaches beyond its storage')
    if prod(size) >= 1 << 60:
        raise ValueError('a tensor has too many elements')
    if 0 in size:
        offset = 0
    tensor = torch.empty((0, ), dtype=dtype, device=storage.untyped.device)
    tensor.set_(storage.untyped, offset, size, stride)
    for flag in (metadata or ()):
        if flag not in ('conj', 'neg') or type(metadata) is not dict:
            raise ValueError('a tensor has unknown metadata')
        if metadata[flag]:
            tensor = tensor.conj() if flag == 'conj' else -tensor
    return tensor.requires_grad_() if requires_grad is True else tensor


def rebuild_parameter(data: torch.Tensor, requires_grad: bool,
                      backward_hooks: Any = None, state: Any = None
                      ) -> torch.nn.Parameter:
    """A parameter, with what has been set on it."""
    if type(data) is not torch.Tensor or type(requires_grad) is not bool:
        raise ValueError('a parameter has no tensor')
    parameter = torch.nn.Parameter(data, requires_grad)
    set_attributes(parameter, state)
    return parameter


def rebuild_from_type(function: Symbol, kind: Symbol, arguments: tuple,
                      state: Any) -> torch.Tensor:
    """A tensor or parameter that has attributes."""
    if type(function) is not Symbol or function.construct not in (
            rebuild, rebuild_typed, rebuild_parameter) or \
            type(arguments) is not tuple:
        raise ValueError('a tensor is made of something else')
    tensor = function.construct(*arguments)
    set_attributes(tensor, state)
    return tensor


def set_attributes(target: Any, state: Any) -> None:
    """Attributes that are no part of the object's class."""
    if state is None:
        return
    if type(state) is not dict:
        raise ValueError('attributes are no dict')
    for name, value in state.items():
        if type(name) is not str or hasattr(type(target), name):
            raise ValueError('an attribute would replace one of the class')
        vars(target)[name] = value


def _type_symbols() -> Dict[str, Any]:
    symbols = {
        f'torch.{name}Storage': Symbol(f'torch.{name}Storage', value=dtype)
        for name, dtype in _STORAGE_TYPES.items()
    }
    for name in ('torch.UntypedStorage', 'torch.storage.UntypedStorage'):
        symbols[name] = Symbol(name)
    return symbols


def _device(*arguments: Any) -> torch.device:
    return torch.device(*arguments)


def _size(lengths: Sequence[int] = ()) -> torch.Size:
    return torch.Size(tuple(lengths))


def _layout(name: str) -> str:
    return str(name)


def _refuse(*arguments: Any) -> None:
    raise UnsafeCheckpointError(
        'it holds tensors that are sparse, quantized, nested, or without '
        'values; only dense ones are read, so save those in its place')


#: All that has to do with tensors.
TENSOR_SYMBOLS = {
    **_CONSTANTS,
    **_type_symbols(),
    **{name: Symbol(name, construct) for name, construct in {
        'torch._utils._rebuild_tensor': rebuild,
        'torch._utils._rebuild_tensor_v2': rebuild,
        'torch._utils._rebuild_tensor_v3': rebuild_typed,
        'torch._utils._rebuild_parameter': rebuild_parameter,
        'torch._utils._rebuild_parameter_with_state': rebuild_parameter,
        'torch._tensor._rebuild_from_type_v2': rebuild_from_type,
        'torch.Size': _size,
        'torch.device': _device,
        'torch.Tensor': None,
        'torch.nn.parameter.Parameter': None,
        'torch.serialization._get_layout': _layout,
        **{f'torch._utils.{name}': _refuse for name in _OTHER_TENSORS},
    }.items()},
}

TENSOR_BUILDERS = {OrderedDict: set_attributes}
