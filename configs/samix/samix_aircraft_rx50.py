# Table 5, FGVC-Aircraft, ResNeXt-50 (32x4d), 200 epochs, from IN-1k weights.
# SAMix: 86.80 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_aircraft_rx50.py
# Cost: 200 epochs of 6,667 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_aircraft_r18.py'

model = dict(
    backbone=dict(
        type='ResNeXt',
        depth=50,
        groups=32,
        width_per_group=4,
        init_cfg=dict(checkpoint='torchvision://resnext50_32x4d')),
    head=dict(in_channels=2048))
