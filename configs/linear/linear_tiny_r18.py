# Linear evaluation on Tiny-ImageNet, ResNet-18, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_tiny_r18.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 100,000 images at 96 pixels, without a
# backward pass of the backbone.
_base_ = './linear_tiny_r50.py'

model = dict(backbone=dict(depth=18), head=dict(in_channels=512))
