"""Whether numbers of a training step are finite, and which are not."""
import math
from enum import IntEnum
from itertools import chain
from typing import Dict, Iterable, List

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from .norm_statistics import norm_buffers


class Finite(IntEnum):
    """How far a step was finite in all processes."""
    NOTHING = 0
    LOSS = 1
    LOSS_AND_GRADIENTS = 2


def finite_everywhere(loss: Tensor, parameters: Iterable[Tensor]) -> Finite:
    """Look at a loss and at the gradients that it has left, and wait for the
    device once."""
    grads = [param.grad for param in parameters if param.grad is not None]
    finite = _are_finite([loss.detach(), *grads]).int()
    how_far = finite[0] * (1 + finite.min())
    all_reduce(how_far, op='min')
    return Finite(int(how_far))


def bad_losses(log_vars: Dict[str, Tensor]) -> str:
    """Say which losses of a step are not finite."""
    bad = {
        name: float(value)
        for name, value in log_vars.items()
        if 'loss' in name and not math.isfinite(value)
    }
    return f'{bad}' if bad else 'a loss of another process'


def bad_gradients(model: nn.Module) -> str:
    """Say which gradients of a model are not finite."""
    bad = [
        name for name, param in model.named_parameters()
        if param.grad is not None and not param.grad.isfinite().all()
    ]
    return f'the gradients of {_listed(bad)}' if bad else \
        'a gradient of another process'


def bad_weights(model: nn.Module) -> str:
    """Name parameters and statistics of norm layers that are not finite;
    empty if all are finite."""
    named = {
        name: value.detach()
        for name, value in chain(model.named_parameters(), norm_buffers(model))
        if value.is_floating_point()
    }
    finite = _are_finite(list(named.values()))
    if finite.all():
        return ''
    return _listed(
        [name for name, good in zip(named, finite.tolist()) if not good])


def _are_finite(tensors: List[Tensor]) -> Tensor:
    """Whether each of some tensors is finite, shape (n, ), without waiting
    for the device."""
    # The largest absolute value is that of an element: no sum, and no square,
    # overflows where no element does.
    largest = torch._foreach_norm(
        [tensor if tensor.numel() else tensor.new_zeros(1)
         for tensor in tensors], math.inf)
    return torch.stack([norm.float() for norm in largest]).isfinite()


def _listed(names: List[str]) -> str:
    """The last names, which are those nearest to the loss, and how many there
    are besides."""
    shown = ', '.join(reversed(names[-3:]))
    more = len(names) - 3
    return f'{shown} and {more} more' if more > 0 else shown
