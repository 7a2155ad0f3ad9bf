from typing import List

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class NormStatistics:
    """Running statistics of a model's norm layers, as they are now.

    Args:
        model (nn.Module): The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self._buffers: List[Tensor] = [
            buffer for module in model.modules()
            if isinstance(module, _NormBase)
            for buffer in module.buffers(recurse=False)
        ]
        self._values = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def restore(self) -> None:
        """Let the model have them again."""
        for buffer, value in zip(self._buffers, self._values):
            buffer.copy_(value)
