# Table 3, STL-10, ResNet-50, 400 epochs, row MoCo.V2.
# MoCo.V2: 84.89 % top-1 of a linear classifier, the mean of 3
# trials: linear_stl10_r50.py.
#   mim train samix_mm mocov2_stl10_r50.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels.
_base_ = './mocov2_stl10_r18.py'

model = dict(
    backbone=dict(depth=50), neck=dict(in_channels=2048, hid_channels=2048))
