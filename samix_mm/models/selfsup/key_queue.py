"""MoCo's dictionary of negative keys."""
import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from torch import Tensor


def random_queue(feat_dim: int, queue_len: int) -> Tensor:
    """The queue before the first key: random directions.

    Args:
        feat_dim (int): Length of a key.
        queue_len (int): Number of keys K.

    Returns:
        Tensor: Unit vectors in the columns, shape (feat_dim, K).
    """
    return F.normalize(torch.randn(feat_dim, queue_len), dim=0)


@torch.no_grad()
def enqueue(queue: Tensor, pointer: Tensor, keys: Tensor) -> None:
    """Replace the oldest keys by those of all processes, in place.

    Any number of keys fits: the queue is a ring, and of more keys than it
    holds the last ones stay. A key that is not finite changes nothing.

    Args:
        queue (Tensor): Keys in the columns, shape (feat_dim, K).
        pointer (Tensor): Column of the oldest key, shape (1, ).
        keys (Tensor): New keys of this process, shape (N, feat_dim). N must
            be the same in all processes.
    """
    keys = torch.cat(all_gather(keys))  # (N * processes, feat_dim)
    queue_len, num_keys = queue.size(1), keys.size(0)
    columns = torch.arange(num_keys, device=queue.device)
    columns = (pointer + columns) % queue_len  # (N * processes, )
    columns, keys = columns[-queue_len:], keys[-queue_len:]
    finite = keys.isfinite().all(dim=1, keepdim=True)
    keys = torch.where(finite, keys.to(queue.dtype), queue[:, columns].t())
    queue[:, columns] = keys.t()
    pointer.copy_((pointer + num_keys) % queue_len)
