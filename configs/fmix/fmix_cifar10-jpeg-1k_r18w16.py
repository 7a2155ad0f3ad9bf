# No paper number: a yardstick that fits a CPU, for docs/results.md.
# FMix, alpha = 0.2 as the paper sets it for CIFAR-100 (Sec. A.1.2).
# As in the paper's tables, the network learns from mixed images alone.
#   mim train samix_mm fmix_cifar10-jpeg-1k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = '../vanilla/vanilla_cifar10-jpeg-1k_r18w16.py'

model = dict(type='MixClassifier', mixing=dict(type='FMix', alpha=0.2))
