# MoCo v2 on ResNet-18 with CIFAR's stem and a quarter of its width.
_base_ = './mocov2_resnet18_cifar.py'

model = dict(
    backbone=dict(stem_channels=16, base_channels=16),
    neck=dict(in_channels=128, hid_channels=128))
