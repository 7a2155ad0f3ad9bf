from typing import Any, Dict

import torch
import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor

from ...utils.validation import check_count


class MemoryBank(nn.Module):
    r"""A feature and a label of each image of a data set, in buffers.

    The number of images n is 0 until :meth:`allocate` or a checkpoint tells
    it. Buffers stay the same tensors when it changes, as DDP keeps those
    that it saw when it wrapped the model: only their contents are replaced.

    Args:
        feat_dim (int): Length of the features, D, 1 or more.
        dtype (torch.dtype): Type of the features, kept by loading.

    Raises:
        ValueError: If ``feat_dim`` is below 1.
    """

    def __init__(self, feat_dim: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.feat_dim = check_count('feat_dim', feat_dim)
        self.register_buffer('features', torch.zeros(0, feat_dim, dtype=dtype))
        self.register_buffer('labels', torch.zeros(0, dtype=torch.long))

    @property
    def started(self) -> bool:
        """bool: Whether there is a memory, allocated or loaded."""
        return len(self.features) > 0

    def allocate(self, feats: Tensor) -> None:
        """Take these features, with label 0, and log what they take.

        Args:
            feats (Tensor): Features of all images, shape (n, D), on any
                device.
        """
        feats = feats.detach().contiguous()
        self.features.data = feats.to(self.features, copy=True)
        self.labels.data = self.labels.new_zeros(len(feats))
        size = sum(buffer.numel() * buffer.element_size()
                   for buffer in (self.features, self.labels))
        print_log(
            f'The memory of {len(feats)} images takes {size / 2**20:.1f} MB '
            f'on {self.features.device}',
            logger='current')

    def blend_in(self, index: Tensor, feats: Tensor, momentum: float) -> None:
        """Move features towards new ones; of an image that is there several
        times the first one counts. Nothing waits for the device.

        Args:
            index (Tensor): Which images, shape (N, ), on the memory's device.
            feats (Tensor): Their new features, shape (N, D), float32.
            momentum (float): Weight kept of the old features, in [0, 1].
        """
        # Repeated images write the same values, in whatever order.
        ordered, position = index.sort(stable=True)
        first = position[torch.searchsorted(ordered, index)]
        old = self.features[index].float()
        blended = momentum * old + (1 - momentum) * feats[first]
        self.features[index] = blended.to(self.features.dtype)

    def require_start(self) -> None:
        """Raise a RuntimeError if there is no memory."""
        if not self.started:
            raise RuntimeError(
                'the clusters have not been started; OnlineClusterHook does '
                "it before training: add custom_hooks = [dict(type='"
                "OnlineClusterHook')] to the config")

    def known(self, index: Tensor) -> Tensor:
        """Return ``index`` on the memory's device.

        Args:
            index (Tensor): Which images, shape (N, ), on any device.

        Raises:
            RuntimeError: If there is no memory.
            IndexError: If an image is outside of it. Not checked on a GPU,
                which would have to be waited for.
        """
        self.require_start()
        size = len(self.features)
        if index.device.type == 'cpu' and len(index):
            low, high = index.min().item(), index.max().item()
            if low < 0 or high >= size:
                raise IndexError(
                    f'images must be in 0 to {size - 1}, the {size} that the '
                    f'memory was started with; got {low} to {high}')
        return index.to(self.labels.device, non_blocking=True)

    def check_feats(self, feats: Tensor) -> None:
        """Raise a ValueError if these are not features with shape (N, D)."""
        if feats.dim() != 2 or feats.size(1) != self.feat_dim:
            raise ValueError(
                f'features must have the shape (N, {self.feat_dim}), got '
                f'{tuple(feats.shape)}; feat_dim is the length of the '
                "algorithm's embedding")

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str,
                              *args: Any) -> None:
        """Take over a checkpoint's number of images, if all else fits."""
        rows = ('features', 'labels')
        given = {
            name: state_dict[prefix + name].shape
            for name in self._buffers if prefix + name in state_dict
        }

        def fits(name: str) -> bool:
            free = int(name in rows)  # leading sizes that may differ
            own = self._buffers[name].shape
            return name in given and given[name][free:] == own[free:]

        # A checkpoint of other sizes must leave no rows of it behind where a
        # loader tolerates errors: the memory would count as started.
        if all(map(fits, self._buffers)):
            for name in rows:
                buffer = self._buffers[name]
                buffer.data = buffer.new_empty(given[name])
        super()._load_from_state_dict(state_dict, prefix, *args)
