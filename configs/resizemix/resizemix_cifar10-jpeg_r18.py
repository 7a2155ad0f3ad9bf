# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
# ResizeMix with its own paper's scales, uniform in (0.1, 0.8), which alpha = 1
# gives in OpenMixup (Sec. A.1.2).
# As in the paper's tables, the network learns from mixed images alone.
#   mim train samix_mm resizemix_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = '../vanilla/vanilla_cifar10-jpeg_r18.py'

model = dict(type='MixClassifier', mixing=dict(type='ResizeMix'))
