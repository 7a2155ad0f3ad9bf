# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
# CutMix, alpha = 0.2 as the paper sets it for CIFAR-100 (Sec. A.1.2).
# As in the paper's tables, the network learns from mixed images alone.
#   mim train samix_mm cutmix_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = '../vanilla/vanilla_cifar10-jpeg_r18.py'

model = dict(type='MixClassifier', mixing=dict(type='CutMix', alpha=0.2))
