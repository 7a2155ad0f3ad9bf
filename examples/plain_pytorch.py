"""SAMix in a plain PyTorch loop, on scikit-learn's digits: about 25 seconds on
one CPU core, without a runner, a config file or a download.

    python examples/plain_pytorch.py
"""
import math
import sys

import torch
from mmengine.logging import MMLogger
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from sklearn.datasets import load_digits

from samix_mm.models import FMix, SAMix, Sources

MODEL = dict(
    type='SAMixClassifier',
    backbone=dict(  # three stages of a ResNet-18 for small images
        type='ResNet_CIFAR', depth=18, stem_channels=16, base_channels=16,
        num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1),
        out_indices=(2, )),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
    mixing=dict(type='SAMix', eta=0.5))


def train(model, images, labels, epochs, batch_size=50):
    """Train on images (N, 3, H, W) with labels (N, )."""
    params = [param for param in model.parameters() if param.requires_grad]
    optimizer = torch.optim.SGD(params, lr=0.1, momentum=0.9)
    steps = epochs * (len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        # What EMAMomentumHook and MaskLossAnnealHook do under a runner.
        left = (1 + math.cos(math.pi * step / steps)) / 2  # from 1 to 0
        model.mixing.mask_loss_weight = 0.1 * left
        index = torch.randperm(len(images))[:batch_size]
        samples = [DataSample().set_gt_label(each) for each in labels[index]]
        losses = model.loss(images[index], samples)
        loss, log = model.parse_losses(losses)  # the sum, and all for a log
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        model.update_momentum_net(momentum=1 - 0.01 * left)
    print(f'loss of mixed images in the last step: {log["loss_mix"]:.2f}')


@torch.no_grad()
def accuracy(model, images, labels):
    """Top-1 accuracy in percent."""
    model.eval()
    found = torch.cat([each.pred_label for each in model.predict(images)])
    return 100 * (found == labels).float().mean().item()


def mix_by_hand(images, features):
    """Methods need no algorithm: draw ratios and partners, then mix."""
    fmix = FMix(alpha=1.)
    yield fmix.mix(Sources(images), fmix.draw(len(images), images.device))
    samix = SAMix()  # its Mixer takes the feature maps of any network
    samix.set_in_channels(features.size(1))
    samix.init_weights()
    pairing = samix.draw(len(images), images.device)
    yield samix.mix(Sources(images, features=features), pairing)


if __name__ == '__main__':
    MMLogger.get_instance('example', log_level='WARNING')
    torch.manual_seed(0)
    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1
    images, labels = pixels.repeat(1, 3, 1, 1), torch.tensor(digits.target)
    model = MODELS.build(MODEL)
    model.init_weights()
    train(model, images[:1437], labels[:1437], int((sys.argv + [10])[1]))
    print(f'accuracy: {accuracy(model, images[1437:], labels[1437:]):.1f} %')
    for mixture in mix_by_hand(images[:8], model.features_of(images[:8])):
        print(f'{len(mixture.inputs)} images, shares {mixture.shares[0]}')
