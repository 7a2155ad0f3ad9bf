"""Several processes without an accelerator, under any script.

MMEngine selects a GPU for each process before it forms a group, whether there
is one or not. It is changed when the package is imported, because
``custom_imports`` of a stock script offer no later moment.
"""
import logging
from typing import Callable

from .workaround import Workaround, is_ours, replacement


def _needed() -> bool:
    from mmengine.device import get_device
    from mmengine.dist import utils
    return get_device() == 'cpu' and hasattr(utils, '_init_dist_pytorch')


def _applied() -> bool:
    from mmengine.dist import utils
    return is_ours(getattr(utils, '_init_dist_pytorch', None))


def _apply() -> None:
    from mmengine.dist import utils
    utils._init_dist_pytorch = without_gpus(utils._init_dist_pytorch)


def without_gpus(original: Callable) -> Callable:
    """What ``mmengine.dist.init_dist`` calls for ``launcher='pytorch'``.

    MMEngine's own function goes on to serve other back-ends than PyTorch's.
    """

    @replacement(original)
    def init_group(backend: str,
                   init_backend: str = 'torch',
                   **kwargs) -> None:
        if init_backend != 'torch':
            original(backend, init_backend=init_backend, **kwargs)
            return
        import torch.distributed as dist
        from mmengine.logging import print_log
        nccl = 'nccl' in backend
        dist.init_process_group('gloo' if nccl else backend, **kwargs)
        if nccl and dist.get_rank() == 0:
            print_log(
                f"dist_cfg.backend={backend!r} needs GPUs, and there is none: "
                "the processes use 'gloo'",
                logger='current',
                level=logging.WARNING)

    return init_group


WORKAROUND = Workaround(
    name='cpu_processes',
    replaces='mmengine.dist.utils._init_dist_pytorch',
    why='MMEngine selects a GPU for each process, also where there is none.',
    versions='all of MMEngine, on machines without an accelerator',
    needed=_needed,
    applied=_applied,
    apply=_apply)
