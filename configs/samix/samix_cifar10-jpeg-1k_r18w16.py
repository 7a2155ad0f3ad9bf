# No paper number: a yardstick that fits a CPU, for docs/results.md.
#   mim train samix_mm samix_cifar10-jpeg-1k_r18w16.py
# Cost: about 18 minutes on one CPU core.
_base_ = [
    '../vanilla/vanilla_cifar10-jpeg-1k_r18w16.py',
    '../_base_/hooks/samix.py',
]

# 1,200 iterations are too few for a momentum that starts at 0.999.
model = dict(
    type='SAMixClassifier', mixing=dict(type='SAMix'), momentum=0.99)
