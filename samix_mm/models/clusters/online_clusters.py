from typing import Any, Dict, Optional

import torch
from mmengine.dist import all_gather, broadcast, get_rank
from torch import Tensor

from ...utils.validation import check_choice, check_count, check_unit_interval
from .kmeans import (cluster_means, cluster_sizes, dissolve_small, kmeans,
                     nearest, refill_empty)
from .memory_bank import MemoryBank

#: ODC's smallest cluster, 20, over its mean one, 1.28 M images / 10,000.
_SMALL_SHARE = 20 / 128


class OnlineClusters(MemoryBank):
    r"""Pseudo labels of all images by online deep clustering (ODC, Zhan et
    al., CVPR 2020), from which SAMix-C's Mixer learns (Sec. 3.2, A.1.3).

    A memory keeps a feature f and a label of each image. :meth:`start` fills
    it by k-means; :meth:`update` follows the features of a batch,

    .. math::
        f \leftarrow m f + (1 - m) f_{new},

    and gives their images the label of the nearest centroid; every few
    iterations :meth:`refresh` computes the centroids anew and repairs small
    clusters. All of it is in the state dict. All processes hold the same
    memory, which each call keeps so.

    Distances are Euclidean, on features as they are given, so that k-means
    and the assignment agree; ODC normalises what it keeps. With unit vectors
    the nearest centroid differs from that of the largest cosine only by the
    centroids' lengths.

    A checkpoint brings its own number of images. Casting the module with
    ``half()``, ``bfloat16()`` or ``to(dtype)`` is not supported, as it would
    cast the centroids; use ``memory_dtype`` and mixed precision. Results on
    a GPU repeat bit for bit only with ``randomness=dict(deterministic=True)``
    in the config.

    Args:
        num_clusters (int): Number of clusters C, 2 or more. Defaults to 200.
        feat_dim (int): Length of the features, D. Defaults to 128.
        momentum (float): Weight *kept* of the old feature, m in [0, 1].
            Defaults to 0.5, as in ODC.
        min_size (int, optional): Smaller clusters are dissolved by
            :meth:`refresh`; at least 1, where only empty ones are repaired,
            and at most the mean size. None is ODC's share of the mean size,
            20 / 128. Defaults to None.
        memory_dtype (str): Type of the features in the memory, ``'float32'``
            or ``'float16'``, which takes half the bytes. Defaults to
            ``'float32'``.

    Raises:
        ValueError: If an argument is not as above.
    """

    def __init__(self,
                 num_clusters: int = 200,
                 feat_dim: int = 128,
                 momentum: float = 0.5,
                 min_size: Optional[int] = None,
                 memory_dtype: str = 'float32') -> None:
        dtype = check_choice('memory_dtype', ('float32', 'float16'),
                             memory_dtype)
        super().__init__(feat_dim, getattr(torch, dtype))
        self.num_clusters = check_count('num_clusters', num_clusters, least=2)
        if min_size is not None:
            check_count(
                'min_size',
                min_size,
                note=', or None for a share of the mean size')
        self.momentum = check_unit_interval('momentum', momentum)
        self.min_size = min_size
        self.register_buffer('centroids', torch.zeros(num_clusters, feat_dim))
        #: ``random_state`` of the next split.
        self.register_buffer('split_seed', torch.tensor(0))

    @torch.no_grad()
    def start(self, feats: Tensor, seed: int = 0) -> None:
        """Fill the memory and cluster it, the same in all processes.

        Args:
            feats (Tensor): Features of all images, shape (n, D), the same in
                all processes.
            seed (int): ``random_state`` of k-means. Defaults to 0.

        Raises:
            ValueError: If the shape is another one, there are more clusters
                than images, ``min_size`` is above the mean size, or a
                feature is not finite.
        """
        self.check_feats(feats)
        self._smallest_size(len(feats))
        # here, as k-means' own complaint would leave the other ranks waiting
        if not torch.isfinite(feats).all():
            raise ValueError('features to cluster must be finite')
        self.allocate(feats)
        self.split_seed.fill_(seed % 2**32)
        if get_rank() == 0:
            self.labels.copy_(
                kmeans(self.features, self.num_clusters, seed % 2**32))
            self._refill()
        self._share()

    def labels_of(self, index: Tensor) -> Tensor:
        """Pseudo labels of images.

        Args:
            index (Tensor): Which images, shape (N, ), on any device.

        Returns:
            Tensor: Labels with shape (N, ), in [0, C).

        Raises:
            RuntimeError: Before the start.
            IndexError: If an image is unknown and ``index`` is on the CPU.
        """
        return self.labels[self.known(index)]

    @torch.no_grad()
    def update(self, index: Tensor, feats: Tensor) -> Tensor:
        """Update the memory with a batch, of all processes together.

        Of an image that is there several times the first feature counts, in
        the order of ranks. One that is not finite changes nothing. Nothing
        waits for the device.

        Args:
            index (Tensor): Which images, shape (N, ), N equal in all
                processes; on any device.
            feats (Tensor): Their features, shape (N, D).

        Returns:
            Tensor: Share of the batch whose label changed, a scalar.

        Raises:
            RuntimeError: Before the start.
            ValueError: If a shape is another one.
            IndexError: If an image is unknown and ``index`` is on the CPU.
        """
        self.check_feats(feats)
        if index.shape != feats.shape[:1]:
            raise ValueError(
                f'index must have one number for each of the {len(feats)} '
                f'features, got the shape {tuple(index.shape)}')
        index = torch.cat(all_gather(self.known(index)))
        feats = torch.cat(all_gather(feats.detach().float().contiguous()))
        finite = feats.isfinite().all(dim=1, keepdim=True)
        feats = torch.where(finite, feats, self.features[index].float())
        self.blend_in(index, feats, self.momentum)
        before = self.labels[index]
        after = nearest(self.features[index], self.centroids)
        self.labels[index] = after
        return (after != before).float().mean()

    @torch.no_grad()
    def refresh(self) -> None:
        """Recompute centroids, dissolve small clusters and refill them.

        The members of a small cluster go to the nearest of the others. Each
        emptied cluster gets a part of the largest, split by k-means.

        Raises:
            RuntimeError: Before the start.
            ValueError: If ``min_size`` is above the mean size.
            FloatingPointError: If a feature in the memory is not finite.
        """
        self.require_start()
        smallest = self._smallest_size(len(self.features))
        self._average()
        if not torch.isfinite(self.centroids).all():
            raise FloatingPointError(
                'a feature in the memory of the clusters is not finite; '
                'lower the learning rate, clip gradients with '
                "optim_wrapper.clip_grad or choose memory_dtype='float32'")
        if get_rank() == 0:
            dissolve_small(self.features, self.labels, self.centroids,
                           smallest)
            self._refill()
        self._share()

    def sizes(self) -> Tensor:
        """Tensor: Images in each cluster, shape (C, )."""
        return cluster_sizes(self.labels, self.num_clusters)

    def log_vars(self) -> Dict[str, Tensor]:
        """Dict[str, Tensor]: Sizes of the smallest and the median cluster
        and the number of empty ones, scalars."""
        sizes = self.sizes().float()
        return dict(
            cluster_min=sizes.min(),
            cluster_median=sizes.median(),
            cluster_empty=(sizes == 0).sum().float())

    def nmi(self, labels: Any) -> float:
        """Normalised mutual information with true labels, in [0, 1].

        Args:
            labels (array-like): True labels of all images, shape (n, ).

        Raises:
            RuntimeError: Before the start.
            ValueError: If there are not as many labels as images.
        """
        from sklearn.metrics import normalized_mutual_info_score
        self.require_start()
        labels = torch.as_tensor(labels).cpu().numpy()
        if labels.shape != tuple(self.labels.shape):
            raise ValueError(
                f'labels must have the shape ({len(self.labels)}, ), got '
                f'{labels.shape}')
        return float(
            normalized_mutual_info_score(labels, self.labels.cpu().numpy()))

    def extra_repr(self) -> str:
        return (f'num_clusters={self.num_clusters}, '
                f'momentum={self.momentum}, min_size={self.min_size}')

    def _smallest_size(self, num_images: int) -> int:
        """The size below which a cluster of so many images is small."""
        if self.num_clusters > num_images:
            raise ValueError(
                'num_clusters must be at most the number of images, '
                f'{num_images}, got {self.num_clusters}')
        mean = num_images / self.num_clusters
        if self.min_size is None:
            return max(1, round(_SMALL_SHARE * mean))
        if self.min_size > mean:
            raise ValueError(
                'min_size must be at most the mean size of a cluster, '
                f'{mean:.1f}, got {self.min_size}')
        return self.min_size

    def _average(self) -> None:
        self.centroids.copy_(
            cluster_means(self.features, self.labels, self.num_clusters))

    def _refill(self) -> None:
        """Refill empty clusters and average anew."""
        splits = refill_empty(self.features, self.labels, self.num_clusters,
                              self.split_seed.item())
        self.split_seed.add_(splits).remainder_(2**32)
        self._average()

    def _share(self) -> None:
        """Take over the first process's clusters."""
        for buffer in (self.labels, self.centroids, self.split_seed):
            broadcast(buffer)
