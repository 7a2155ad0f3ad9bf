"""Back-propagate a loss branch by branch, while a runner sees one loss."""
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ...utils.autocast import autocast_dtype

Losses = Dict[str, Union[Tensor, List[Tensor]]]


class BranchBackward:
    """Frees the activations of each branch of a loss as soon as its gradients
    are known.

    The terms of SAMix's loss share no activations, yet one backward pass for
    their sum keeps those of all of them alive. One object a training step:
    :meth:`release` back-propagates a branch at once and keeps nothing but its
    gradients; :meth:`hand_over` returns losses whose backward pass adds them
    to what the rest of the graph gives. A runner,
    ``DistributedDataParallel``, gradient accumulation and loss scaling see
    one loss and one backward pass, and the gradients of the plain sum.

    Args:
        parameters (Sequence[nn.Parameter]): Where gradients are wanted.
        optim_wrapper (OptimWrapper, optional): What will back-propagate the
            sum of all losses; the branches share its loss scaler. None
            releases nothing: each loss keeps its graph. Defaults to None.
    """

    def __init__(self,
                 parameters: Sequence[nn.Parameter],
                 optim_wrapper: Optional[OptimWrapper] = None) -> None:
        self.parameters = parameters
        self.optim_wrapper = optim_wrapper
        self._branches: List[_Branch] = []

    def release(self, losses: Losses) -> Losses:
        """Back-propagate a branch.

        Args:
            losses (Dict[str, Tensor | List[Tensor]]): Terms of the loss, and
                numbers for the log, which have no graph. No other branch may
                share theirs.

        Returns:
            Dict[str, Tensor]: The same scalars without their graph.
        """
        terms = {
            name: _as_scalar(loss)
            for name, loss in losses.items() if _has_graph(loss)
        }
        total = sum(terms.values())
        if not terms or not self._releases(total):
            return losses
        scale = self._scale(total)
        # The types of a backward pass are those of its forward pass.
        with torch.autocast(total.device.type, enabled=False):
            grads = torch.autograd.grad(
                total * scale, self.parameters, allow_unused=True)
        reached = {
            param: grad
            for param, grad in zip(self.parameters, grads) if grad is not None
        }
        self._branches.append(
            _Branch(list(terms), scale, list(reached), list(reached.values())))
        detached = {name: loss.detach() for name, loss in terms.items()}
        return {**losses, **detached}

    def hand_over(self, losses: Losses) -> Losses:
        """Connect the losses of released branches with their gradients.

        Called after the last forward pass, so that the backward pass begins
        here, and DDP communicates during the rest of it.

        Args:
            losses (Dict[str, Tensor]): All losses of the step.

        Returns:
            Dict[str, Tensor]: The same scalars.
        """
        losses = dict(losses)
        for branch in self._branches:
            connected = _HandOver.apply(
                branch, *(losses[name] for name in branch.terms),
                *branch.parameters)
            losses.update(zip(branch.terms, connected))
        self._branches.clear()
        return losses

    def _releases(self, total: Tensor) -> bool:
        if self.optim_wrapper is None:
            return False
        # Gradients in float16 are lost without the scale.
        return (hasattr(self.optim_wrapper, 'loss_scaler')
                or autocast_dtype(total.device.type) != torch.float16)

    def _scale(self, total: Tensor) -> Tensor:
        """The loss scaler's number, without waiting for the device."""
        one = torch.ones_like(total)
        scaler = getattr(self.optim_wrapper, 'loss_scaler', None)
        return one if scaler is None else scaler.scale(one)


def _has_graph(loss: Union[Tensor, List[Tensor]]) -> bool:
    return any(part.requires_grad for part in _parts(loss))


def _as_scalar(loss: Union[Tensor, List[Tensor]]) -> Tensor:
    """What ``BaseModel.parse_losses`` makes of it."""
    return sum(part.mean() for part in _parts(loss))


def _parts(loss: Union[Tensor, List[Tensor]]) -> List[Tensor]:
    return [loss] if isinstance(loss, Tensor) else loss


class _Branch:
    """What is left of a released branch.

    Attributes:
        terms (List[str]): Names of its losses.
        scale (Tensor): What the losses were multiplied by.
        parameters (Sequence[nn.Parameter]): Those it reaches.
        grads (List[Tensor], optional): Theirs; None once they are handed
            over.
    """

    def __init__(self, terms: List[str], scale: Tensor,
                 parameters: Sequence[nn.Parameter],
                 grads: Sequence[Tensor]) -> None:
        self.terms = terms
        self.scale = scale
        self.parameters = parameters
        self.grads: Optional[List[Tensor]] = list(grads)


class _HandOver(torch.autograd.Function):
    """Identity of losses whose gradients are known before."""

    @staticmethod
    def forward(ctx, branch: _Branch, *tensors: Tensor) -> Tuple[Tensor, ...]:
        ctx.branch = branch
        return tuple(loss.clone() for loss in tensors[:len(branch.terms)])

    @staticmethod
    @once_differentiable
    def backward(ctx, *outer: Tensor) -> tuple:
        branch = ctx.branch
        if branch.grads is None:
            raise RuntimeError(
                'the gradients of a training step were handed over already; '
                'for a second backward pass call loss() outside train_step()')
        grads, branch.grads = branch.grads, None
        # The gradients are those of the sum: weights that differ would make
        # them wrong, and must not go unnoticed.
        outer = torch.stack(outer)
        equal = (outer == outer[0]).all() | ~outer.isfinite().all()
        factor = torch.where(equal, outer[0] / branch.scale, torch.nan)
        torch._foreach_mul_(grads, factor)
        return (None, *(None for _ in branch.terms), *grads)
