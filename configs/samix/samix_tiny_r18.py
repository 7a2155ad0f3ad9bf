# Table 2, Tiny-ImageNet, ResNet-18, 400 epochs.
# SAMix: 68.89 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_tiny_r18.py
# Cost: 400 epochs of 100,000 images at 64 pixels, each step about 3 times the
# FLOPs of vanilla training.
# The paper does not name the stem; at 64 pixels this is CIFAR's.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    '../_base_/datasets/tiny_imagenet_bs100.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

# no dropout in the Mixer on small data sets, as the authors ran it
model = dict(
    type='SAMixClassifier',
    head=dict(num_classes=200),
    mixing=dict(type='SAMix', mixer=dict(type='Mixer', dropout=0.)))

# The Mixer's own learning rate is 0.1 (OpenMixup).
optim_wrapper = dict(
    optimizer=dict(lr=0.2),
    constructor='MergedOptimWrapperConstructor',
    paramwise_cfg=dict(custom_keys=dict(mixer=dict(lr_mult=0.5))))

param_scheduler = dict(T_max=400)
train_cfg = dict(max_epochs=400)
auto_scale_lr = dict(base_batch_size=100)
