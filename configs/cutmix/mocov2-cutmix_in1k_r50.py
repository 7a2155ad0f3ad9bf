# Table 4, ImageNet-1k, ResNet-50, 200 epochs, row MoCo.V2 + CutMix.
# MoCo.V2 + CutMix: 68.28 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r50.py.
#   mim train samix_mm mocov2-cutmix_in1k_r50.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels,
# each step about twice the FLOPs of MoCo v2.
# The paper states no alpha for this row; Sec. 3.1 compares methods at 1.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = ['../mocov2/mocov2_in1k_r50.py', '../_base_/hooks/momentum.py']

model = dict(type='MixMoCo', mixing=dict(type='CutMix', alpha=1.0))
