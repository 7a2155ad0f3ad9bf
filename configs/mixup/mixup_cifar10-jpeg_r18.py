# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
# MixUp, alpha = 1 as the paper sets it for CIFAR-100 (Sec. A.1.2).
# As in the paper's tables, the network learns from mixed images alone.
#   mim train samix_mm mixup_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = '../vanilla/vanilla_cifar10-jpeg_r18.py'

model = dict(type='MixClassifier', mixing=dict(type='MixUp', alpha=1.0))
