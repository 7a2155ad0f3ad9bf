# Linear evaluation on Tiny-ImageNet, ResNet-50, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_tiny_r50.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 100,000 images at 96 pixels, without a
# backward pass of the backbone.
# The learning rate falls at epochs 30 and 60 as in Sec. 4.2; Sec. A.1.3 says
# 60 and 80: param_scheduler.0.milestones='[60,80]'.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    '../_base_/datasets/tiny_imagenet_linear.py',
    'mmpretrain::_base_/schedules/imagenet_sgd_steplr_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    type='samix_mm.LinearProbe',
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')),
    head=dict(num_classes=200))

optim_wrapper = dict(optimizer=dict(weight_decay=0.))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[30, 60], gamma=0.1)
]
default_hooks = dict(checkpoint=dict(interval=10))
auto_scale_lr = dict(base_batch_size=256)
