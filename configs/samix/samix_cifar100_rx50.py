# Tables 5 and 9, CIFAR-100, ResNeXt-50 (32x4d), 800 epochs.
# SAMix: 84.11 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cifar100_rx50.py
# Cost: 800 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = [
    '../_base_/models/resnext50_32x4d_cifar.py',
    '../_base_/datasets/cifar100_bs100.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/samix.py',
]

# no dropout in the Mixer on small data sets, as the authors ran it
model = dict(
    type='SAMixClassifier',
    head=dict(num_classes=100),
    mixer=dict(type='Mixer', dropout=0.))

param_scheduler = dict(T_max=800)
train_cfg = dict(max_epochs=800)
auto_scale_lr = dict(base_batch_size=100)
