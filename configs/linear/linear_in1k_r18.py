# Linear evaluation on ImageNet-1k, ResNet-18, as in Table 4.
# The number to expect stands in the config of the pre-training.
#   mim train samix_mm linear_in1k_r18.py --launcher pytorch --gpus 8 \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: 100 epochs of 1.28 million images at 224 pixels, without a
# backward pass of the backbone.
_base_ = './linear_in1k_r50.py'

model = dict(backbone=dict(depth=18), head=dict(in_channels=512))
