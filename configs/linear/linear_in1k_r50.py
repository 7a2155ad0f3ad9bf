# Linear evaluation on ImageNet-1k, ResNet-50, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_in1k_r50.py --launcher pytorch --gpus 8 \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 1.28 million images at 224 pixels, without a
# backward pass of the backbone.
# The learning rate falls at epochs 30 and 60 as in Sec. 4.2; Sec. A.1.3 says
# 60 and 80: param_scheduler.0.milestones='[60,80]'.
_base_ = (
    'mmpretrain::mocov2/benchmarks/'
    'resnet50_8xb32-linear-steplr-100e_in1k.py')

custom_imports = dict(imports=['samix_mm'])

model = dict(type='samix_mm.LinearProbe')

param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[30, 60], gamma=0.1)
]
default_hooks = dict(
    checkpoint=dict(save_best='auto'),
    plain_checkpoint=dict(type='PlainCheckpointHook'))
auto_scale_lr = dict(base_batch_size=256)
