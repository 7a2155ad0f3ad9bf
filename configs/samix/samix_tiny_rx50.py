# Table 2, Tiny-ImageNet, ResNeXt-50 (32x4d), 400 epochs.
# SAMix: 72.18 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_tiny_rx50.py
# Cost: 400 epochs of 100,000 images at 64 pixels, each step about 3 times the
# FLOPs of vanilla training.
# The paper does not name the stem; at 64 pixels this is CIFAR's.
_base_ = './samix_tiny_r18.py'

model = dict(
    backbone=dict(
        type='ResNeXt_CIFAR', depth=50, groups=32, width_per_group=4),
    head=dict(in_channels=2048))
