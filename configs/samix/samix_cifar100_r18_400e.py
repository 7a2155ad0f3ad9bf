# Table 9, CIFAR-100, ResNet-18, 400 epochs.
# SAMix: 81.97 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cifar100_r18_400e.py
# Cost: 400 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_cifar100_r18.py'

param_scheduler = dict(T_max=400)
train_cfg = dict(max_epochs=400)
