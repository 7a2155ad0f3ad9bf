# Table 4, ImageNet-1k, ResNet-18, 200 epochs, row MoCo.V2 + SAMix-I.
# MoCo.V2 + SAMix-I: 53.75 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r18.py.
#   mim train samix_mm samix-i_in1k_r18.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = [
    '../mocov2/mocov2_in1k_r18.py',
    '../_base_/hooks/samix.py',
]

model = dict(type='SAMixMoCo', mixing=dict(type='SAMix'))
