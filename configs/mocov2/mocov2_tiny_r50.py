# Table 4, Tiny-ImageNet, ResNet-50, 400 epochs, row MoCo.V2.
# MoCo.V2: 42.08 % top-1 of a linear classifier, the mean of 3
# trials: linear_tiny_r50.py.
#   mim train samix_mm mocov2_tiny_r50.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels.
# The paper does not say for how long it pre-trains; 400 epochs are those of
# its experiments on Tiny-ImageNet (Sec. A.2.1).
_base_ = './mocov2_tiny_r18.py'

model = dict(
    backbone=dict(depth=50), neck=dict(in_channels=2048, hid_channels=2048))
