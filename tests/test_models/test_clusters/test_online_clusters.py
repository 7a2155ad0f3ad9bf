import numpy as np
import pytest
import torch

from samix_mm.models.clusters.online_clusters import OnlineClusters
from tests.helpers.clusters import (BLOBS, DIM, EACH, assert_state_equal,
                                    batches, blobs, started, stream)


def line(values, labels, **kwargs):
    """Clusters of points on a line, with these labels."""
    clusters = OnlineClusters(feat_dim=1, **kwargs)
    clusters.start(torch.tensor(values).unsqueeze(1))
    clusters.labels.copy_(torch.tensor(labels))
    return clusters


@pytest.mark.parametrize('memory_dtype', ['float32', 'float16'])
def test_finds_blobs_that_emerge_from_noise(memory_dtype):
    clusters = started(memory_dtype=memory_dtype)
    labels = blobs(0)[1]
    assert clusters.nmi(labels) < 0.6
    stream(clusters, 150)
    assert clusters.nmi(labels) > 0.9
    assert clusters.features.dtype == getattr(torch, memory_dtype)


def test_start_is_kmeans_of_all_images():
    points, labels = blobs(0.05)
    clusters = OnlineClusters(BLOBS, DIM)
    assert not clusters.started
    clusters.start(points)
    assert clusters.started
    assert clusters.nmi(labels) == pytest.approx(1)
    assert torch.equal(clusters.features, points)
    torch.testing.assert_close(
        clusters.centroids,
        torch.stack([
            points[clusters.labels == label].mean(0) for label in range(BLOBS)
        ]))
    assert clusters.sizes().tolist() == [EACH] * BLOBS


def test_seed_decides_the_start():
    first, second, other = started(), started(), started(seed=1)
    assert_state_equal(first.state_dict(), second.state_dict())
    assert not torch.equal(first.labels, other.labels)


@pytest.mark.parametrize('momentum', [0., 0.25, 1.])
def test_momentum_is_the_weight_kept(momentum):
    clusters = OnlineClusters(2, 1, momentum=momentum)
    clusters.start(torch.tensor([[0.], [1.], [8.], [9.]]))
    assert clusters.labels_of(torch.tensor([0, 3])).unique().numel() == 2
    changed = clusters.update(torch.tensor([1, 2]), torch.tensor([[9.], [9.]]))
    expected = [
        0., momentum * 1 + (1 - momentum) * 9,
        momentum * 8 + (1 - momentum) * 9, 9.
    ]
    torch.testing.assert_close(clusters.features.flatten(),
                               torch.tensor(expected))
    # centroids stay at 0.5 and 8.5: image 1 moves over unless it is kept
    assert changed == (0 if momentum == 1 else 0.5)
    low, high = clusters.labels_of(torch.tensor([0, 3])).tolist()
    expected_labels = [low, low if momentum == 1 else high, high, high]
    assert clusters.labels.tolist() == expected_labels


def test_update_equals_a_loop():
    clusters = started()
    features = clusters.features.clone().numpy()
    labels = clusters.labels.clone().numpy()
    centroids = clusters.centroids.clone().numpy()
    index, feats = next(batches(1))
    num_changed = 0
    for image, feat in zip(index.tolist(), feats.numpy()):
        features[image] = 0.5 * features[image] + 0.5 * feat
        distances = np.square(centroids - features[image]).sum(1)
        num_changed += labels[image] != distances.argmin()
        labels[image] = distances.argmin()
    changed = clusters.update(index, feats)
    assert changed.shape == () and 0 < num_changed < len(index)
    assert changed == pytest.approx(num_changed / len(index))
    torch.testing.assert_close(clusters.features, torch.from_numpy(features))
    assert clusters.labels.tolist() == labels.tolist()
    assert torch.equal(clusters.centroids, torch.from_numpy(centroids))
    assert torch.equal(clusters.labels_of(index), clusters.labels[index])


def test_the_first_of_an_image_counts():
    clusters, same = started(), started()
    index = torch.tensor([5, 3, 5, 3, 5])
    feats = torch.randn(5, DIM, generator=torch.Generator().manual_seed(0))
    clusters.update(index, feats)
    same.update(index[:2], feats[:2])
    assert_state_equal(clusters.state_dict(), same.state_dict())


def test_refresh_without_small_clusters_moves_centroids_only():
    clusters = line([0., 1., 8., 9.], [0, 0, 1, 1], num_clusters=2)
    clusters.refresh()
    assert clusters.labels.tolist() == [0, 0, 1, 1]
    assert clusters.centroids.flatten().tolist() == [0.5, 8.5]


def test_an_empty_cluster_gets_a_part_of_the_largest():
    clusters = line([0., 1., 2., 50., 51., 90., 91.], [0, 0, 0, 0, 0, 2, 2],
                    num_clusters=3)
    clusters.refresh()
    assert clusters.sizes().sort()[0].tolist() == [2, 2, 3]
    first, second = clusters.labels[0].item(), clusters.labels[3].item()
    assert clusters.labels.tolist() == [first] * 3 + [second] * 2 + [2, 2]
    assert clusters.centroids[[first, second, 2]].flatten().tolist() == [
        1, 50.5, 90.5
    ]


def test_a_small_cluster_is_dissolved_and_filled_anew():
    # the single image at 49 is nearest to the cluster at 50 or 51; then the
    # largest cluster, around 2 and 20, is split
    values = [0., 1., 2., 20., 21., 49., 50., 51.]
    labels = [0, 0, 0, 0, 0, 1, 2, 2]
    clusters = line(values, labels, num_clusters=3, min_size=2)
    clusters.refresh()
    assert clusters.labels[5:].tolist() == [2, 2, 2]
    assert clusters.sizes().sort()[0].tolist() == [2, 3, 3]
    assert clusters.labels[:3].unique().numel() == 1
    assert clusters.labels[0] != clusters.labels[3]
    assert clusters.centroids[2] == 50
    # one image is not small where only empty clusters are
    clusters = line(values, labels, num_clusters=3, min_size=1)
    clusters.refresh()
    assert clusters.labels.tolist() == labels


@pytest.mark.parametrize('size, is_small', [(11, True), (12, False)])
def test_small_is_below_the_share_of_odc(size, is_small):
    """20 / 128 of the mean size of 80 is 12.5, rounded to 12."""
    labels = [0] * (160 - size) + [1] * size
    clusters = line([0.] * 80 + [9.] * 80, labels, num_clusters=2)
    clusters.refresh()
    if is_small:  # dissolved and found anew by 2-means
        assert clusters.sizes().tolist() == [80, 80]
    else:
        assert clusters.labels.tolist() == labels


def test_equal_features_are_split_in_halves():
    clusters = OnlineClusters(4, 3)
    clusters.start(torch.ones(8, 3))
    assert clusters.sizes().tolist() == [2] * 4
    clusters.labels.zero_()
    clusters.refresh()
    assert clusters.sizes().tolist() == [2] * 4


def test_as_many_clusters_as_images():
    clusters = OnlineClusters(5, 1)
    clusters.start(torch.arange(5.).unsqueeze(1))
    clusters.labels.fill_(3)
    clusters.refresh()
    assert clusters.sizes().tolist() == [1] * 5


def test_log_vars_tell_sizes():
    clusters = line([0., 1., 2., 50., 51., 90.], [0, 0, 0, 2, 2, 2],
                    num_clusters=3)
    values = clusters.log_vars()
    assert values == dict(cluster_min=0, cluster_median=3, cluster_empty=1)
    assert all(value.dtype == torch.float32 for value in values.values())
    assert not any('loss' in name for name in values)


@pytest.mark.parametrize('kwargs, message', [
    (dict(num_clusters=1), 'num_clusters must be 2 or more, got 1'),
    (dict(feat_dim=0), 'feat_dim must be 1 or more, got 0'),
    (dict(momentum=1.5), r'momentum must be in \[0, 1\], got 1.5'),
    (dict(min_size=0), 'min_size must be 1 or more, .*got 0'),
    (dict(memory_dtype='bfloat16'), "memory_dtype must be one of .*'float16'"),
])
def test_refuses_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        OnlineClusters(**kwargs)


def test_refuses_to_start():
    with pytest.raises(
            ValueError,
            match='num_clusters must be at most the number of images, 7, '
            'got 8'):
        OnlineClusters(8, 3).start(torch.rand(7, 3))
    with pytest.raises(ValueError, match='min_size must be at most the mean '
                       'size of a cluster, 2.5, got 3'):
        OnlineClusters(4, 3, min_size=3).start(torch.rand(10, 3))
    with pytest.raises(ValueError, match=r'shape \(N, 3\), got \(7, 4\)'):
        OnlineClusters(2, 3).start(torch.rand(7, 4))
    clusters = OnlineClusters(2, 3)
    with pytest.raises(ValueError, match='finite'):
        clusters.start(torch.full((7, 3), float('nan')))
    assert not clusters.started


def test_refuses_use_before_the_start():
    clusters, index = OnlineClusters(2, 3), torch.arange(2)
    for use in (lambda: clusters.labels_of(index),
                lambda: clusters.update(index, torch.rand(2, 3)),
                clusters.refresh, lambda: clusters.nmi([])):
        with pytest.raises(RuntimeError, match='OnlineClusterHook'):
            use()


def test_refuses_unknown_images_and_shapes():
    clusters = started()
    for index in (-1, BLOBS * EACH):
        with pytest.raises(IndexError, match=f'0 to {BLOBS * EACH - 1}'):
            clusters.labels_of(torch.tensor([0, index]))
    with pytest.raises(ValueError, match='index must have one number for '
                       'each of the 2 features'):
        clusters.update(torch.arange(3), torch.rand(2, DIM))
    with pytest.raises(ValueError, match='labels must have the shape'):
        clusters.nmi([1, 2])
    clusters.features[3] = float('inf')
    with pytest.raises(FloatingPointError, match='not finite'):
        clusters.refresh()
