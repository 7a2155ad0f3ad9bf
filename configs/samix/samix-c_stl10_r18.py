# Table 3, STL-10, ResNet-18, 400 epochs, row MoCo.V2 (C) + SAMix-C.
# MoCo.V2 (C) + SAMix-C: 85.60 % top-1 of a linear classifier, the mean of 3
# trials: linear_stl10_r18.py.
#   mim train samix_mm samix-c_stl10_r18.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
_base_ = './samix-i_stl10_r18.py'

model = dict(objective=dict(type='ClusterObjective'))
