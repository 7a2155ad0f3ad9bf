# A linear classifier on a frozen ResNet-50.
_base_ = 'mmpretrain::_base_/models/resnet50.py'

model = dict(
    type='samix_mm.LinearProbe',
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')))
