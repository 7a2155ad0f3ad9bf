# No paper number: a yardstick that fits a CPU, for docs/results.md.
#   mim train samix_mm samix-i_cifar10-jpeg-2k_r18w16.py
# Cost: about 13 minutes on one CPU core.
_base_ = './mocov2_cifar10-jpeg-2k_r18w16.py'

model = dict(type='SAMixMoCo')

custom_hooks = [
    dict(type='EMAMomentumHook'),
    dict(type='MaskLossAnnealHook'),
    dict(type='MixedSampleHook', interval=10),
]
