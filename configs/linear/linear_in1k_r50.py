# Linear evaluation on ImageNet-1k, ResNet-50, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_in1k_r50.py --launcher pytorch --gpus 8 \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 1.28 million images at 224 pixels, without a
# backward pass of the backbone.
_base_ = [
    '../_base_/models/linear_resnet50.py',
    'mmpretrain::_base_/datasets/imagenet_bs32_pil_resize.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=30.))
default_hooks = dict(checkpoint=dict(interval=10))
