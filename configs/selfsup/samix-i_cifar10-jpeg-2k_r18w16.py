# No paper number: a yardstick that fits a CPU, for docs/results.md.
#   mim train samix_mm samix-i_cifar10-jpeg-2k_r18w16.py
# Cost: about 13 minutes on one CPU core.
_base_ = './mocov2_cifar10-jpeg-2k_r18w16.py'

# 1,200 iterations are too few for a momentum that starts at 0.999.
model = dict(type='SAMixMoCo', momentum=0.99)

custom_hooks = [
    dict(type='EMAMomentumHook'),
    dict(type='MaskLossAnnealHook'),
    dict(type='MixedSampleHook', interval=10),
]
