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
    device once if they are finite."""
    grads = [param.grad for param in parameters if param.grad is not None]
    # Fused, and the fastest that keeps NaN and infinity.
    norms = [norm.float() for norm in torch._foreach_norm(grads)]
    finite = _agree(loss, torch.stack(norms).isfinite().all())
    if finite is Finite.LOSS:
        # The square of a large number overflows, but not that number.
        finite = _agree(loss, _are_finite(grads).all())
    return finite


def _agree(loss: Tensor, finite_gradients: Tensor) -> Finite:
    """What is finite in all processes."""
    finite = loss.detach().isfinite().int() * (1 + finite_gradients.int())
    all_reduce(finite, op='min')
    return Finite(int(finite))


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
    grads = {
        name: param.grad
        for name, param in model.named_parameters() if param.grad is not None
    }
    bad = _names_of_bad(grads)
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
    return _listed(_names_of_bad(named))


def _names_of_bad(named: Dict[str, Tensor]) -> List[str]:
    finite = _are_finite(list(named.values())).tolist()
    return [name for name, good in zip(named, finite) if not good]


def _are_finite(tensors: List[Tensor]) -> Tensor:
    """Whether each of some tensors is finite, shape (n, )."""
    return torch.stack([tensor.isfinite().all() for tensor in tensors])


def _listed(names: List[str]) -> str:
    """The last names, which are those nearest to the loss, and how many there
    are besides."""
    shown = ', '.join(reversed(names[-3:]))
    more = len(names) - 3
    return f'{shown} and {more} more' if more > 0 else shown
