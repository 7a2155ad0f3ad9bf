from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from torch import nn

from ...registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16 on a CPU.

    MMEngine's ``AmpOptimWrapper`` demands an accelerator. bfloat16 has the
    range of float32, so that the loss needs no scaling.

    Args:
        **kwargs: Arguments of MMEngine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast.

        Args:
            model (nn.Module): The model, for gradient accumulation in DDP.
        """
        with super().optim_context(model), autocast(
                device_type='cpu', dtype=torch.bfloat16):
            yield
