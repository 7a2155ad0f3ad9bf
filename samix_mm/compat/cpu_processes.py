"""Several processes without an accelerator, under any script.

MMEngine selects a GPU for each process before it forms a group, and gives
that GPU to DDP, whether there is one or not. The two functions of its runner
are replaced by ones that do the same with gloo and no device where there is
no accelerator. It is done when the package is imported, because
``custom_imports`` of a stock script offer no later moment.
"""
from typing import Dict, Optional, Sequence, Union

import mmengine.runner.runner as mmengine_runner
import torch.distributed as torch_dist
from mmengine.device import get_device
from mmengine.dist import init_dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor


def init_dist_anywhere(launcher: str, *args, **kwargs) -> None:
    """MMEngine's ``init_dist``, with gloo where there is no accelerator.

    Args:
        launcher (str): Only 'pytorch' differs from MMEngine's.
    """
    if launcher == 'pytorch' and get_device() == 'cpu':
        torch_dist.init_process_group('gloo')
    else:
        init_dist(launcher, *args, **kwargs)


class DistributedDataParallelAnywhere(MMDistributedDataParallel):
    """MMEngine's wrapper, without a device where there is no accelerator.

    It calls the ``forward`` of a model, not its ``train_step``; what the
    step of a mixing algorithm adds is asked for here.
    """

    def __init__(self,
                 module,
                 device_ids: Optional[Sequence[int]] = None,
                 **kwargs) -> None:
        if get_device() == 'cpu':
            device_ids = None
        super().__init__(module, device_ids=device_ids, **kwargs)

    def train_step(self, data: Union[dict, tuple, list],
                   optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """A training step, guarded where the model guards it.

        Args:
            data (dict | tuple | list): A batch of the data loader.
            optim_wrapper (OptimWrapper): The optimizer's wrapper.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        if hasattr(self.module, 'guarded_step'):
            return self.module.guarded_step(self, data, optim_wrapper)
        return super().train_step(data, optim_wrapper)


def allow_cpu_processes() -> None:
    """Let MMEngine's runner use several processes without an accelerator."""
    mmengine_runner.init_dist = init_dist_anywhere
    mmengine_runner.MMDistributedDataParallel = DistributedDataParallelAnywhere
