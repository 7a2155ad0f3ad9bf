# Table 9, CIFAR-100, ResNeXt-50 (32x4d), 1200 epochs.
# SAMix: 84.23 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cifar100_rx50_1200e.py
# Cost: 1200 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_cifar100_rx50.py'

param_scheduler = dict(T_max=1200)
train_cfg = dict(max_epochs=1200)
