# Table 3, STL-10, ResNet-50, 400 epochs, row MoCo.V2 + SAMix-I.
# MoCo.V2 + SAMix-I: 88.87 % top-1 of a linear classifier, the mean of 3
# trials: linear_stl10_r50.py.
#   mim train samix_mm samix-i_stl10_r50.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
_base_ = [
    '../mocov2/mocov2_stl10_r50.py',
    '../_base_/hooks/samix.py',
]

model = dict(type='SAMixMoCo', mixing=dict(type='SAMix'))
