"""Steps of online clustering, as functions of features and labels.

Distances are Euclidean, on features as they are given.
"""
import warnings

import torch
from torch import Tensor

#: Distances held at a time by :func:`nearest`; 64 MB in float32.
_MAX_DISTANCES = 2**24
#: Features summed at a time by :func:`cluster_means`.
_CHUNK = 2**16


def nearest(feats: Tensor, centroids: Tensor) -> Tensor:
    """Find the nearest centroid of each feature.

    Args:
        feats (Tensor): Shape (N, D), of any floating type.
        centroids (Tensor): Shape (C, D), float32.

    Returns:
        Tensor: Rows of ``centroids``, shape (N, ), the first of equals.
    """
    chunk = max(1, _MAX_DISTANCES // len(centroids))
    # The matrix product would round differences of close centroids away, the
    # more so in TF32 or under autocast.
    found = [
        torch.cdist(
            part.float(),
            centroids,
            compute_mode='donot_use_mm_for_euclid_dist').argmin(dim=1)
        for part in feats.split(chunk)
    ]
    return torch.cat(found)


def cluster_sizes(labels: Tensor, num_clusters: int) -> Tensor:
    """Count the members of each cluster, without waiting for the device.

    Args:
        labels (Tensor): Shape (n, ), in [0, C).
        num_clusters (int): Number of clusters, C.

    Returns:
        Tensor: Shape (C, ), whole numbers.
    """
    # bincount would have to look for the largest label first
    sizes = labels.new_zeros(num_clusters)
    return sizes.scatter_add_(0, labels, torch.ones_like(labels))


def cluster_means(feats: Tensor, labels: Tensor, num_clusters: int) -> Tensor:
    """Average the features of each cluster, in float32.

    Args:
        feats (Tensor): Shape (n, D), of any floating type.
        labels (Tensor): Shape (n, ), in [0, C).
        num_clusters (int): Number of clusters, C.

    Returns:
        Tensor: Shape (C, D), float32; zeros where a cluster is empty.
    """
    sums = torch.zeros(num_clusters, feats.size(1), device=feats.device)
    for part, which in zip(feats.split(_CHUNK), labels.split(_CHUNK)):
        sums.index_add_(0, which, part.float())
    sizes = cluster_sizes(labels, num_clusters)
    return sums / sizes.clamp(min=1).unsqueeze(1)


def kmeans(feats: Tensor, num_clusters: int, seed: int) -> Tensor:
    """Cluster with scikit-learn's ``KMeans``, from one start.

    Args:
        feats (Tensor): Shape (N, D), of any floating type, finite.
        num_clusters (int): Number of clusters C, at most N.
        seed (int): Its ``random_state``, from 0 to 2**32 - 1.

    Returns:
        Tensor: Labels with shape (N, ) in [0, C), on the features' device.
        If fewer than C features differ, some clusters are empty.
    """
    # here, as few users of the package cluster and it takes a second
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    estimator = KMeans(num_clusters, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        # of equal features: callers fill the empty clusters
        warnings.simplefilter('ignore', ConvergenceWarning)
        labels = estimator.fit_predict(feats.float().cpu().numpy())
    return torch.from_numpy(labels).long().to(feats.device)


def split_in_two(feats: Tensor, seed: int) -> Tensor:
    """Split a cluster with k-means, or in halves if k-means cannot.

    Args:
        feats (Tensor): Shape (N, D), two or more, finite.
        seed (int): See :func:`kmeans`.

    Returns:
        Tensor: Shape (N, ), true for the second part; none is empty.
    """
    from threadpoolctl import threadpool_limits

    # Threads add up in any order: last digits, and rarely a label, would
    # differ between a run and the same run resumed.
    with threadpool_limits(1):
        second = kmeans(feats, 2, seed).bool()
    if second.all() or not second.any():
        halves = torch.arange(len(feats), device=feats.device)
        second = halves >= len(feats) // 2
    return second


def dissolve_small(feats: Tensor, labels: Tensor, centroids: Tensor,
                   min_size: int) -> None:
    """Empty the clusters with fewer than ``min_size`` members; these go to
    the nearest of the other clusters.

    Args:
        feats (Tensor): Shape (n, D).
        labels (Tensor): Shape (n, ), in [0, C). Changed in place.
        centroids (Tensor): Shape (C, D), float32.
        min_size (int): At most n / C, so that one cluster is not small.
    """
    small = cluster_sizes(labels, len(centroids)) < min_size
    members = small[labels].nonzero().flatten()
    if len(members):
        others = (~small).nonzero().flatten()
        labels[members] = others[nearest(feats[members], centroids[others])]


def refill_empty(feats: Tensor, labels: Tensor, num_clusters: int,
                 seed: int) -> int:
    """Give each empty cluster a part of the largest one at that time.

    Args:
        feats (Tensor): Shape (n, D), finite, n >= C.
        labels (Tensor): Shape (n, ), in [0, C). Changed in place.
        num_clusters (int): Number of clusters, C.
        seed (int): Of the first split; the next ones count up.

    Returns:
        int: The number of splits, at most C - 1.
    """
    sizes = cluster_sizes(labels, num_clusters).cpu()
    empty = (sizes == 0).nonzero().flatten().tolist()
    for number, target in enumerate(empty):
        # Has two members at least: there are fewer full clusters than images.
        largest = sizes.argmax()
        members = (labels == largest.item()).nonzero().flatten()
        second = split_in_two(feats[members], (seed + number) % 2**32)
        moved = members[second]
        labels[moved] = target
        sizes[largest] -= len(moved)
        sizes[target] = len(moved)
    return len(empty)
