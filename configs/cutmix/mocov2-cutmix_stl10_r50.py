# Table 3, STL-10, ResNet-50, 400 epochs, row MoCo.V2 + CutMix.
# MoCo.V2 + CutMix: 87.51 % top-1 of a linear classifier, the mean of 3
# trials: linear_stl10_r50.py.
#   mim train samix_mm mocov2-cutmix_stl10_r50.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels,
# each step about twice the FLOPs of MoCo v2.
# The paper states no alpha for this row; Sec. 3.1 compares methods at 1.
_base_ = ['../mocov2/mocov2_stl10_r50.py', '../_base_/hooks/momentum.py']

model = dict(type='MixMoCo', mixing=dict(type='CutMix', alpha=1.0))
