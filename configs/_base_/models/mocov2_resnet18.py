# MoCo v2 on ResNet-18.
_base_ = './mocov2_resnet50.py'

model = dict(
    backbone=dict(depth=18), neck=dict(in_channels=512, hid_channels=512))
