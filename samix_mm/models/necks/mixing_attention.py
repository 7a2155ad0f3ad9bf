r"""The Mixer's attention between the positions of a pair (Sec. 3.3).

PyTorch's ``scaled_dot_product_attention`` would need more memory and time
here: its fused kernels want values as wide as queries, and the content has one
number a position.
"""
import torch
from torch import Tensor


def mixing_attention(query: Tensor, key: Tensor) -> Tensor:
    r"""Relate each position of a pair to every other one,
    :math:`P = softmax(q k^T / \sqrt{D})`.

    Args:
        query (Tensor): Shape (N, D, h, w).
        key (Tensor): Shape (N, D, h, w).

    Returns:
        Tensor: Attention with shape (N, hw, hw), at least float32 whatever
        autocast says; rows sum to 1.
    """
    dtype = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        query = query.to(dtype).flatten(2) / query.size(1)**0.5  # (N, D, hw)
        scores = query.transpose(1, 2) @ key.to(dtype).flatten(2)
        return scores.softmax(dim=-1)  # (N, hw, hw)


def attend(attention: Tensor, content: Tensor) -> Tensor:
    """Average the content by attention.

    Args:
        attention (Tensor): Shape (N, hw, hw).
        content (Tensor): Shape (N, 1, h, w).

    Returns:
        Tensor: Logits of the mask, (N, 1, h, w), in the type of
        ``attention``.
    """
    with torch.autocast(attention.device.type, enabled=False):
        values = content.to(attention.dtype).flatten(2).transpose(1, 2)
        logits = attention @ values  # (N, hw, 1)
    return logits.transpose(1, 2).unflatten(2, content.shape[2:])
