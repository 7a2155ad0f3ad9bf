from typing import Iterator, List, Tuple

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
            buffer for _, buffer in norm_buffers(model)
        ]
        self._values = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def restore(self) -> None:
        """Let the model have them again."""
        for buffer, value in zip(self._buffers, self._values):
            buffer.copy_(value)


def norm_buffers(model: nn.Module) -> Iterator[Tuple[str, Tensor]]:
    """The running statistics of a model's norm layers, by name."""
    for name, module in model.named_modules():
        if isinstance(module, _NormBase):
            yield from module.named_buffers(prefix=name, recurse=False)
