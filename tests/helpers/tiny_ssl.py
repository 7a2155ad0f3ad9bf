"""Small self-supervised models and data."""
import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

FEAT_DIM = 8
QUEUE_LEN = 12
TEMPERATURE = 0.2
#: What a Mixer learns by in SAMix-C.
CLUSTERS = dict(type='ClusterObjective', num_clusters=3)


def moco_cfg(**kwargs):
    """Config of a ``SAMixMoCo`` on a narrow ResNet-18, or of another
    ``type``."""
    cfg = dict(
        type='SAMixMoCo',
        backbone=dict(
            type='ResNet_CIFAR', depth=18, stem_channels=4, base_channels=4),
        neck=dict(
            type='MoCoV2Neck',
            in_channels=32,
            hid_channels=16,
            out_channels=FEAT_DIM),
        head=dict(
            type='ContrastiveHead',
            loss=dict(type='CrossEntropyLoss'),
            temperature=TEMPERATURE),
        queue_len=QUEUE_LEN,
        feat_dim=FEAT_DIM,
        momentum=0.9)
    cfg.update(kwargs)
    return cfg


def build_moco(**kwargs):
    """Build and initialise a model of :func:`moco_cfg`; one with clusters
    starts them from random features of 16 images."""
    torch.manual_seed(0)
    model = MODELS.build(moco_cfg(**kwargs))
    model.init_weights()
    if getattr(model, 'clusters', None) is not None:
        model.clusters.start(torch.randn(16, FEAT_DIM))
    return model


def views(num_images=4, size=(16, 16), seed=0):
    """Two views of the images 0, 1, ... and their data samples."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [
        torch.randn(num_images, 3, *size, generator=generator)
        for _ in range(2)
    ]
    return inputs, [
        DataSample(metainfo=dict(sample_idx=number))
        for number in range(num_images)
    ]


class TwoViews(Dataset):
    """Noise of three colours, with numbers and labels, in two views."""

    metainfo = dict(classes=tuple('abc'))

    def __init__(self, num_images=12):
        generator = torch.Generator().manual_seed(7)
        self.labels = torch.arange(num_images) % 3
        noise = torch.randint(0, 100, (num_images, 2, 3, 16, 16),
                              generator=generator)
        colours = 50 * self.labels.view(-1, 1, 1, 1, 1)
        self.images = (noise + colours).byte()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        sample = DataSample(metainfo=dict(sample_idx=idx))
        return dict(
            inputs=list(self.images[idx]),
            data_samples=sample.set_gt_label(int(self.labels[idx])))

    def get_gt_labels(self):
        return self.labels.numpy()
