# No paper number: full-size CIFAR-10 as JPEG files.
# Cross-view CutMix, alpha = 1 as in the comparison of Sec. 3.1.
#   mim train samix_mm mocov2-cutmix_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels,
# each step about twice the FLOPs of MoCo v2.
_base_ = [
    '../mocov2/mocov2_cifar10-jpeg_r18.py',
    '../_base_/hooks/momentum.py',
]

model = dict(type='MixMoCo', mixing=dict(type='CutMix', alpha=1.0))
