# Table 5, CUB-200, ResNeXt-50 (32x4d), 200 epochs, from IN-1k weights.
# SAMix: 86.83 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cub_rx50.py
# Cost: 200 epochs of 5,994 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_cub_r18.py'

model = dict(
    backbone=dict(
        type='ResNeXt',
        depth=50,
        groups=32,
        width_per_group=4,
        init_cfg=dict(checkpoint='torchvision://resnext50_32x4d')),
    head=dict(in_channels=2048))
