# Table 5, CUB-200, ResNet-18, 200 epochs, from IN-1k weights.
# SAMix: 81.11 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_cub_r18.py
# Cost: 200 epochs of 5,994 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = [
    'mmpretrain::_base_/models/resnet18.py',
    '../_base_/datasets/cub_bs16_224.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

model = dict(
    type='SAMixClassifier',
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18')),
    head=dict(num_classes=200),
    mixing=dict(type='SAMix'))

# The Mixer starts from scratch, at 0.01 (OpenMixup).
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=5e-4),
    constructor='MergedOptimWrapperConstructor',
    paramwise_cfg=dict(custom_keys=dict(mixer=dict(lr_mult=10.))))

param_scheduler = dict(T_max=200)
train_cfg = dict(max_epochs=200)
auto_scale_lr = dict(base_batch_size=16)
