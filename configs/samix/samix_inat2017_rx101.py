# Table 5, iNaturalist 2017, ResNeXt-101 (32x4d), 100 epochs.
# SAMix: 68.36 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_inat2017_rx101.py --launcher pytorch --gpus 4
# Cost: 100 epochs of 579,184 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_inat2017_r50.py'

model = dict(
    backbone=dict(
        type='ResNeXt', depth=101, groups=32, width_per_group=4))
