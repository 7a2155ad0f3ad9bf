"""Two views of a batch: what is mixed, and with what it is matched."""
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from mmpretrain.models.utils import batch_shuffle_ddp, batch_unshuffle_ddp
from torch import Tensor, nn

#: Of which views images are mixed, and with which they are matched.
VIEWS = ('cross', 'same', 'query')


class View(NamedTuple):
    """A view of each image of the batch, and what the momentum network makes
    of it.

    Attributes:
        inputs (Tensor): Images with shape (N, 3, H, W).
        feats (Tensor, optional): Feature maps (N, C, h, w), where the mixing
            method needs them and the momentum network gives them.
        pooled (Tensor, optional): The backbone's pooled output, (N, C_out),
            where the objective needs it.
        keys (Tensor, optional): Unit embeddings (N, feat_dim), where they are
            somebody's positives.
    """
    inputs: Tensor
    feats: Optional[Tensor] = None
    pooled: Optional[Tensor] = None
    keys: Optional[Tensor] = None


class MatchedViews(NamedTuple):
    """Where first images and partners come from, and what they are matched
    with.

    Attributes:
        first (View): First images; its keys are their positives.
        second (View): Images that partners are taken from, likewise.
        negatives (Tensor): The queue, (feat_dim, K).
        index (Tensor, optional): Numbers of the images in the data set,
            (N, ), where the objective needs them.
    """
    first: View
    second: View
    negatives: Tensor
    index: Optional[Tensor] = None


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
            f'MixMoCo needs two views of each image, got {num_views}; write '
            "dict(type='MultiView', num_views=2, transforms=[view_pipeline]) "
            'into the train_pipeline')
    shapes = [tuple(view.shape) for view in inputs]
    if shapes[0] != shapes[1]:
        raise ValueError('both views must have the same size to be mixed, got '
                         f'{shapes[0]} and {shapes[1]}; crop both to one '
                         'scale')
    return list(inputs)


def match_views(view_q: View, view_k: View, views: str) -> Tuple[View, View]:
    """Say where first images and partners come from, and which keys are the
    positives of their mixtures (Secs. 3.1 and A.1.3).

    Args:
        view_q (View): View q.
        view_k (View): View k with its own keys.
        views (str): 'cross' mixes first images of view q with partners of
            view k, and matches each with the key of its *other* view. 'same'
            mixes within view q and matches with the keys of view q, which
            degenerates (Fig. 3b). 'query' mixes within view q and matches
            with the keys of view k, as Un-Mix and i-Mix do.

    Returns:
        Tuple[View, View]: First images and partners, not yet permuted, with
        the keys that are their positives.
    """
    if views == 'cross':
        return (view_q._replace(keys=view_k.keys),
                view_k._replace(keys=view_q.keys))
    if views == 'query':
        view_q = view_q._replace(keys=view_k.keys)
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


def similarities(queries: Tensor, views: MatchedViews,
                 index: Tensor) -> Tuple[Tensor, Tensor]:
    """Similarities of mixed images with their two positives.

    Args:
        queries (Tensor): Embeddings of the mixed images, (M, feat_dim).
        views (MatchedViews): With the keys that are the positives.
        index (Tensor): Numbers of the two sources, (M, 2).

    Returns:
        Tuple[Tensor, Tensor]: With the positives of first images and of
        partners, (M, ) both.

    Raises:
        ValueError: If there are not two sources of each.
    """
    if index.size(1) != 2:
        raise ValueError('self-supervised mixing matches two sources of each '
                         f'image, but the method mixes {index.size(1)}; '
                         'choose a method that mixes pairs')
    return (similarity(queries, views.first.keys[index[:, 0]]),
            similarity(queries, views.second.keys[index[:, 1]]))
