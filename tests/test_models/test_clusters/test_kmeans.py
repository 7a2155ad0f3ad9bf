import torch

from samix_mm.models.clusters.kmeans import (cluster_means, nearest,
                                             split_in_two)


def test_distances_are_exact_and_euclidean():
    centroids = torch.tensor([[1000., 0.], [1000., 0.004], [1.2, 0.]])
    feats = torch.tensor([[1000., 0.003], [1000., 0.001], [2., 0.]])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert nearest(feats, centroids).tolist() == [1, 0, 2]


def test_means_of_half_precision_are_summed_in_full():
    feats = torch.full((70000, 1), 2., dtype=torch.float16)
    means = cluster_means(feats, torch.ones(70000, dtype=torch.long), 3)
    assert means.dtype == torch.float32
    assert means.flatten().tolist() == [0, 2, 0]


def test_the_mean_of_one_member_is_that_member():
    feats = torch.tensor([[3., 4.], [1., 1.], [3., 1.]])
    means = cluster_means(feats, torch.tensor([0, 1, 1]), 2)
    assert means.tolist() == [[3, 4], [2, 1]]


def test_equal_features_are_split_in_halves():
    assert split_in_two(torch.ones(5, 3), 0).tolist() == [
        False, False, True, True, True
    ]
