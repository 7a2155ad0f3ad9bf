# Linear evaluation on STL-10, ResNet-18, as in Table 3.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_stl10_r18.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 5,000 images at 96 pixels, without a
# backward pass of the backbone.
_base_ = './linear_stl10_r50.py'

model = dict(backbone=dict(depth=18), head=dict(in_channels=512))
