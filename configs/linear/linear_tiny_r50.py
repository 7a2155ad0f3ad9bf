# Linear evaluation on Tiny-ImageNet, ResNet-50, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_tiny_r50.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 100,000 images at 96 pixels, without a
# backward pass of the backbone.
_base_ = [
    '../_base_/models/linear_resnet50.py',
    '../_base_/datasets/tiny_imagenet_linear.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=200))

default_hooks = dict(checkpoint=dict(interval=10))
