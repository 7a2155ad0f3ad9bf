# Table 4, ImageNet-1k, ResNet-50, 200 epochs, row MoCo.V2 (C) + SAMix-C.
# MoCo.V2 (C) + SAMix-C: 68.86 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r50.py.
#   mim train samix_mm samix-c_in1k_r50.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = './samix-i_in1k_r50.py'

model = dict(objective=dict(type='ClusterObjective'))
