# MoCo v2 on ResNet-18 with CIFAR's stem.
_base_ = './mocov2_resnet18.py'

model = dict(backbone=dict(type='ResNet_CIFAR'))
