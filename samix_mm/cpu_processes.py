"""Several processes without an accelerator, under any script.

MMEngine selects a GPU for each process before it forms a group, and gives
that GPU to DDP, whether there is one or not. The two functions of its runner
are replaced by ones that do the same with gloo and no device where there is
no accelerator. It is done when the package is imported, because
``custom_imports`` of a stock script offer no later moment.
"""
from typing import Optional, Sequence

import mmengine.runner.runner as mmengine_runner
import torch.distributed as torch_dist
from mmengine.device import get_device
from mmengine.dist import init_dist
from mmengine.model import MMDistributedDataParallel


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
    """MMEngine's wrapper, without a device where there is no accelerator."""

    def __init__(self,
                 module,
                 device_ids: Optional[Sequence[int]] = None,
                 **kwargs) -> None:
        if get_device() == 'cpu':
            device_ids = None
        super().__init__(module, device_ids=device_ids, **kwargs)


def allow_cpu_processes() -> None:
    """Let MMEngine's runner use several processes without an accelerator."""
    mmengine_runner.init_dist = init_dist_anywhere
    mmengine_runner.MMDistributedDataParallel = DistributedDataParallelAnywhere
