from typing import cast

from mmengine.model import is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> nn.Module:
    """The algorithm inside a wrapper such as DDP.

    Args:
        model (nn.Module): ``runner.model``, wrapped or not.

    Returns:
        nn.Module: The algorithm.
    """
    return cast(nn.Module, model.module) if is_model_wrapper(
        model) else model
