# Table 4, ImageNet-1k, ResNet-18, 200 epochs, row MoCo.V2.
# MoCo.V2: 52.85 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r18.py.
#   mim train samix_mm mocov2_in1k_r18.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = './mocov2_in1k_r50.py'

model = dict(
    backbone=dict(depth=18), neck=dict(in_channels=512, hid_channels=512))
