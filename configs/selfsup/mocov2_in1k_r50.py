# Table 4, ImageNet-1k, ResNet-50, 200 epochs, row MoCo.V2.
# MoCo.V2: 67.66 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r50.py.
#   mim train samix_mm mocov2_in1k_r50.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = 'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'

custom_imports = dict(imports=['samix_mm'])
default_hooks = dict(plain_checkpoint=dict(type='PlainCheckpointHook'))
