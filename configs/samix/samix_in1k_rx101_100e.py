# Table 10, ImageNet-1k, ResNeXt-101 (32x4d), 100 epochs.
# SAMix: 80.44 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_in1k_rx101_100e.py --launcher pytorch --gpus 4
# Cost: 100 epochs of 1.28 million images at 224 pixels, each step about
# 3 times the FLOPs of vanilla training.
_base_ = './samix_in1k_r18_100e.py'

model = dict(
    backbone=dict(
        type='ResNeXt', depth=101, groups=32, width_per_group=4),
    head=dict(in_channels=2048))
