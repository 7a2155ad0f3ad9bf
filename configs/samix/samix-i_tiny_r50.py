# Table 4, Tiny-ImageNet, ResNet-50, 400 epochs, row MoCo.V2 + SAMix-I.
# MoCo.V2 + SAMix-I: 47.23 % top-1 of a linear classifier, the mean of 3
# trials: linear_tiny_r50.py.
#   mim train samix_mm samix-i_tiny_r50.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
# The paper does not say for how long it pre-trains; 400 epochs are those of
# its experiments on Tiny-ImageNet (Sec. A.2.1).
_base_ = [
    '../mocov2/mocov2_tiny_r50.py',
    '../_base_/hooks/samix.py',
]

model = dict(type='SAMixMoCo', mixing=dict(type='SAMix'))
