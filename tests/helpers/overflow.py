"""Gradients that are not finite, of losses that are."""
from typing import Callable, Dict

import torch
from mmengine.hooks import Hook
from torch import Tensor, nn


class _Overflow(torch.autograd.Function):
    """Identity with an infinite gradient."""

    @staticmethod
    def forward(ctx, inputs: Tensor) -> Tensor:
        return inputs.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        grad = grad.clone()
        grad.view(-1)[0] = float('inf')
        return grad


def overflow_in(module: nn.Module, when: Callable[[], bool]) -> None:
    """Let the gradient of a module's output be infinite now and then."""
    module.register_forward_hook(
        lambda _, args, output: _Overflow.apply(output)
        if when() and output.requires_grad else output)


def assert_finite(state: Dict[str, Tensor]) -> None:
    for key, value in state.items():
        assert torch.as_tensor(value).isfinite().all(), key


class OverflowHook(Hook):
    """Infinite gradients of the online head in some iterations."""

    def __init__(self, iters) -> None:
        self.iters = iters

    def before_train(self, runner) -> None:
        overflow_in(runner.model.head.fc, lambda: runner.iter in self.iters)


class LeaveOutHook(Hook):
    """Leaves some iterations out, but for the ratios that they draw."""

    def __init__(self, iters) -> None:
        self.iters = iters

    def before_train(self, runner) -> None:
        model, train_step = runner.model, runner.model.train_step

        def leave_out(data, optim_wrapper):
            if runner.iter not in self.iters:
                return train_step(data, optim_wrapper)
            inputs = model.data_preprocessor(data, True)['inputs']
            for _ in ('Mixer', 'online network'):
                model.mixing.draw(len(inputs), inputs.device)
            return {}

        model.train_step = leave_out


class Scaler:
    """A loss scaler like PyTorch's, which before 2.3 wants a GPU."""

    def __init__(self, scale: float, fixed: bool = False) -> None:
        self._scale, self._fixed = scale, fixed

    def is_enabled(self) -> bool:
        return True

    def get_scale(self) -> float:
        return self._scale

    def scale(self, loss: Tensor) -> Tensor:
        return loss * self._scale

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        grads = [
            param.grad for group in optimizer.param_groups
            for param in group['params'] if param.grad is not None
        ]
        if all(grad.isfinite().all() for grad in grads):
            torch._foreach_div_(grads, self._scale)
            optimizer.step()
        elif not self._fixed:
            self._scale /= 2
