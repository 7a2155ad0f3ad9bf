# Table 2, ImageNet-1k, ResNet-101, 300 epochs.
# SAMix: 81.08 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_in1k_r101.py --launcher pytorch --gpus 4
# Cost: 300 epochs of 1.28 million images at 224 pixels, each step about
# 3 times the FLOPs of vanilla training.
_base_ = './samix_in1k_r18.py'

model = dict(backbone=dict(depth=101), head=dict(in_channels=2048))
