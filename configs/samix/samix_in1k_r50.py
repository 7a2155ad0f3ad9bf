# Table 2, ImageNet-1k, ResNet-50, 300 epochs.
# SAMix: 79.41 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_in1k_r50.py --launcher pytorch --gpus 4
# Cost: 300 epochs of 1.28 million images at 224 pixels, each step about
# 3 times the FLOPs of vanilla training.
_base_ = './samix_in1k_r18.py'

model = dict(backbone=dict(depth=50), head=dict(in_channels=2048))
