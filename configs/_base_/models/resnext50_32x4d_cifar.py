# ResNeXt-50 (32x4d) with CIFAR's stem.
_base_ = 'mmpretrain::_base_/models/resnext50_32x4d.py'

model = dict(backbone=dict(type='ResNeXt_CIFAR'))
