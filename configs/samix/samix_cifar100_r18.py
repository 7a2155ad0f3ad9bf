# Tables 5 and 9, CIFAR-100, ResNet-18, 800 epochs.
# SAMix: 82.30 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cifar100_r18.py
# Cost: 800 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    '../_base_/datasets/cifar100_bs100.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

# no dropout in the Mixer on small data sets, as the authors ran it
model = dict(
    type='SAMixClassifier',
    head=dict(num_classes=100),
    mixing=dict(type='SAMix', mixer=dict(type='Mixer', dropout=0.)))

param_scheduler = dict(T_max=800)
train_cfg = dict(max_epochs=800)
auto_scale_lr = dict(base_batch_size=100)
