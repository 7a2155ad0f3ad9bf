"""Two views of a batch: what is mixed, and with what it is matched."""
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from mmpretrain.models.utils import batch_shuffle_ddp, batch_unshuffle_ddp
from torch import Tensor, nn

from ..mixing.pairing import Pair


class View(NamedTuple):
    """A view of each image of the batch, and what the momentum network makes
    of it.

    Attributes:
        inputs (Tensor): Images with shape (N, 3, H, W).
        feats (Tensor): What the mixing policy works on, (N, C, h, w).
        pooled (Tensor, optional): The backbone's pooled output, (N, C_out),
            where clusters are wanted.
        keys (Tensor): Unit embeddings with shape (N, feat_dim).
    """
    inputs: Tensor
    feats: Tensor
    pooled: Optional[Tensor]
    keys: Tensor


def two_views(inputs: Union[Tensor, Sequence[Tensor]]) -> List[Tensor]:
    """Check that a batch is two views of the same images.

    Args:
        inputs (Sequence[Tensor]): Two batches of the shape (N, 3, H, W).

    Returns:
        List[Tensor]: The views q and k.

    Raises:
        ValueError: If there is another number of views, or their sizes
            differ.
    """
    num_views = 1 if isinstance(inputs, Tensor) else len(inputs)
    if num_views != 2:
        raise ValueError(
            f'SAMixMoCo needs two views of each image, got {num_views}; write '
            "dict(type='MultiView', num_views=2, transforms=[view_pipeline]) "
            'into the train_pipeline')
    shapes = [tuple(view.shape) for view in inputs]
    if shapes[0] != shapes[1]:
        raise ValueError('both views must have the same size to be mixed, got '
                         f'{shapes[0]} and {shapes[1]}; crop both to one '
                         'scale')
    return list(inputs)


def match_views(view_q: View, view_k: View,
                cross_view: bool) -> Tuple[View, View]:
    """Say where first images and partners come from, and which keys are the
    positives of their mixtures (Secs. 3.1 and A.1.3).

    Cross-view, a mixed image has a first image of view q and a partner of
    view k, and each is matched with the key of its *other* view. Same-view,
    both are of view q and matched with keys of view q, which degenerates
    (Fig. 3b) and is there for comparison only.

    Args:
        view_q (View): View q with its own keys.
        view_k (View): View k with its own keys.
        cross_view (bool): Whether to match with the other view.

    Returns:
        Tuple[View, View]: First images and partners, not yet permuted, with
        the keys that are their positives.
    """
    if cross_view:
        return (view_q._replace(keys=view_k.keys),
                view_k._replace(keys=view_q.keys))
    return view_q, view_q


class BatchShuffle:
    """MoCo's shuffling of a batch between processes, so that batch statistics
    do not tell which key belongs to which query. With one process there is
    nothing to hide behind, and the batch stays as it is.
    """

    def __init__(self) -> None:
        self._order = None

    def shuffle(self, inputs: Tensor) -> Tensor:
        """Exchange images of shape (N, ...) between processes."""
        if get_world_size() == 1:
            return inputs
        shuffled, self._order = batch_shuffle_ddp(inputs)
        return shuffled

    def restore(self, outputs: Tensor) -> Tensor:
        """Give each process the rows (N, ...) of its own images back."""
        if get_world_size() == 1:
            return outputs
        return batch_unshuffle_ddp(outputs.contiguous(), self._order)


def similarity(queries: Tensor, keys: Tensor) -> Tensor:
    """Similarity of each query with its own key, (N, D) both: (N, )."""
    return torch.einsum('nd,nd->n', queries, keys)


def embed(network: nn.Module, inputs: Tensor) -> Tensor:
    """Unit embeddings of images.

    Args:
        network (nn.Module): With ``backbone`` and ``neck``.
        inputs (Tensor): Images with shape (N, 3, H, W).

    Returns:
        Tensor: Shape (N, feat_dim).
    """
    return F.normalize(network.neck(network.backbone(inputs))[0], dim=1)


def similarities(queries: Tensor, first: View, second: View,
                 pair: Pair) -> Tuple[Tensor, Tensor]:
    """Similarities of mixed images with their two positives.

    Args:
        queries (Tensor): Embeddings of the first M mixed images,
            (M, feat_dim).
        first (View): First images, with the keys that are their positives.
        second (View): Where partners come from, with theirs.
        pair (Pair): Partners with shape (M, ).

    Returns:
        Tuple[Tensor, Tensor]: With the positives of first images and of
        partners, (M, ) both.
    """
    return (similarity(queries, first.keys[:len(queries)]),
            similarity(queries, second.keys[pair.index]))
