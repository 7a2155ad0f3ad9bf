# No paper number: a yardstick that fits a CPU, for docs/results.md.
# CutMix as SAMix is trained: the network also learns from clean images,
# with a head of its own, and a momentum network follows it.
#   mim train samix_mm cutmix_cifar10-jpeg-1k_r18w16_clean.py
# Cost: about 12 minutes on one CPU core.
_base_ = ['./cutmix_cifar10-jpeg-1k_r18w16.py', '../_base_/hooks/momentum.py']

# 1,200 iterations are too few for a momentum that starts at 0.999.
model = dict(clean_weight=1.0, momentum_net=True, momentum=0.99)
