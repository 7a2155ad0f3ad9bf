# Linear evaluation on STL-10, ResNet-50, as in Table 3.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_stl10_r50.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 5,000 images at 96 pixels, without a
# backward pass of the backbone.
_base_ = [
    '../_base_/models/linear_resnet50.py',
    '../_base_/datasets/stl10_linear.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=10, topk=(1, )))

default_hooks = dict(checkpoint=dict(interval=10))
