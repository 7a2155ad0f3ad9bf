"""Gradients of iterations whose optimizer step is still to come."""
from typing import Dict

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from ...utils.unwrapping import unwrap


def open_gradients(runner: Runner) -> Dict[str, Tensor]:
    """What was accumulated since the last optimizer step.

    Args:
        runner (Runner): In training.

    Returns:
        Dict[str, Tensor]: The gradients by the names of the parameters, on
        the CPU. Empty after a step, and with several processes, each of which
        has gradients of its own.
    """
    if get_world_size() > 1 or not _between_steps(runner):
        return {}
    return {
        name: param.grad.cpu()
        for name, param in unwrap(runner.model).named_parameters()
        if param.grad is not None
    }


def put_back(runner: Runner, gradients: Dict[str, Tensor]) -> None:
    """Go on with gradients that a checkpoint has.

    Args:
        runner (Runner): At the start of training.
        gradients (Dict[str, Tensor]): As :func:`open_gradients` gave them.

    Raises:
        ValueError: If the model has other parameters.
    """
    if get_world_size() > 1 or not _between_steps(runner):
        return
    params = dict(unwrap(runner.model).named_parameters())
    for name, gradient in gradients.items():
        if name not in params or params[name].shape != gradient.shape:
            raise ValueError(
                f'the checkpoint has a gradient {name} of the shape '
                f'{tuple(gradient.shape)}, and the model no such parameter; '
                'resume with the model that wrote the checkpoint, or load its '
                'weights alone, without --resume')
        params[name].grad = gradient.to(params[name])


def _between_steps(runner: Runner) -> bool:
    wrapper = runner.optim_wrapper
    return isinstance(wrapper, OptimWrapper) and not wrapper.should_update()
