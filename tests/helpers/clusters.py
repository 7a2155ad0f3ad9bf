"""Points that cluster, and a tiny algorithm that clusters images."""
import random

import numpy as np
import torch
from mmengine.dataset import default_collate
from mmengine.model import BaseModel
from mmpretrain.models import SelfSupDataPreprocessor
from torch import nn
from torch.utils.data import DataLoader

from samix_mm.models.clusters.online_clusters import OnlineClusters
from samix_mm.utils.sample_index import sample_indices
from tests.helpers.tiny import NUM_CLASSES, TinyImages

BLOBS, DIM, EACH = 8, 16, 40


def blobs(noise, seed=0):
    """Points around the corners of a simplex, and which corner."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(BLOBS).repeat_interleave(EACH)
    points = torch.randn(
        len(labels), DIM, generator=generator) * noise + torch.eye(
            BLOBS, DIM)[labels]
    return points, labels


def batches(num_batches, size=32, seed=0, noise=0.1):
    """(index, feats) of clean points in random order."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(num_batches):
        points, _ = blobs(noise, seed=1000 * seed + number)
        index = torch.randperm(len(points), generator=generator)[:size]
        yield index, points[index]


def started(seed=0, noise=0.6, **kwargs):
    clusters = OnlineClusters(BLOBS, DIM, **kwargs)
    clusters.start(blobs(noise)[0], seed)
    return clusters


def stream(clusters, num_batches, refresh_interval=10, **kwargs):
    for number, batch in enumerate(batches(num_batches, **kwargs), 1):
        clusters.update(*batch)
        if number % refresh_interval == 0:
            clusters.refresh()


def assert_state_equal(left, right):
    assert left.keys() == right.keys()
    for key in left:
        assert left[key].dtype == right[key].dtype, key
        assert torch.equal(left[key], right[key]), key


class IndexedImages(TinyImages):
    """Each image in two views, with its number; the augmentation, noise, is
    small beside the classes."""

    def __init__(self, num_images=8, seed=None):
        super().__init__(num_images)
        self.seed = seed

    def get_gt_labels(self):
        return self.labels.numpy()

    def __getitem__(self, idx):
        item = super().__getitem__(idx)
        item['data_samples'].set_metainfo(dict(sample_idx=idx))
        noise = 0.
        if self.seed is None:
            noise = torch.rand(()) + np.random.rand() + random.random()
        image = item['inputs'] + float(noise)
        return dict(item, inputs=[image, 255 - image])


class Clustering(BaseModel):
    """Learns nothing, but clusters."""

    def __init__(self, num_clusters=NUM_CLASSES):
        super().__init__(SelfSupDataPreprocessor())
        self.frozen = nn.BatchNorm2d(3)
        self.norm = nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(0.5)
        self.clusters = OnlineClusters(num_clusters, 6)
        self.calls = []

    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        return self

    @torch.no_grad()
    def cluster_features(self, view):
        means = view.mean(dim=(2, 3), keepdim=True)
        normed = self.norm(self.dropout(self.frozen(means)))
        feats = torch.cat([means, normed], dim=1).flatten(1)
        self.calls.append(feats)
        return feats

    def forward(self, inputs, data_samples=None, mode='loss'):
        feats = self.cluster_features(inputs[0])
        changed = self.clusters.update(sample_indices(data_samples), feats)
        loss = self.norm(inputs[0]).mean()
        return dict(loss=loss, changed=changed)


def loader_of(dataset, batch_size=3, **kwargs):
    return DataLoader(
        dataset, batch_size=batch_size, collate_fn=default_collate, **kwargs)


def means_of(dataset):
    return dataset.images.float().mean(dim=(2, 3))
