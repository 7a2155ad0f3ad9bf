# Tables 5 and 9, CIFAR-100, ResNeXt-50 (32x4d), 800 epochs.
# SAMix: 84.11 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cifar100_rx50.py
# Cost: 800 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_cifar100_r18.py'

model = dict(
    backbone=dict(
        type='ResNeXt_CIFAR', depth=50, groups=32, width_per_group=4),
    head=dict(in_channels=2048))
