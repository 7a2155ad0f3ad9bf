# Table 4, Tiny-ImageNet, ResNet-18, 400 epochs, row MoCo.V2 + CutMix.
# MoCo.V2 + CutMix: 41.62 % top-1 of a linear classifier, the mean of 3
# trials: linear_tiny_r18.py.
#   mim train samix_mm mocov2-cutmix_tiny_r18.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels,
# each step about twice the FLOPs of MoCo v2.
# The paper states no alpha for this row; Sec. 3.1 compares methods at 1.
# The paper does not say for how long it pre-trains; 400 epochs are those of
# its experiments on Tiny-ImageNet (Sec. A.2.1).
_base_ = ['../mocov2/mocov2_tiny_r18.py', '../_base_/hooks/momentum.py']

model = dict(type='MixMoCo', mixing=dict(type='CutMix', alpha=1.0))
