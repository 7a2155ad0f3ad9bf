# No paper number: a yardstick that fits a CPU, for docs/results.md.
# Cross-view MixUp in place of the Mixer, alpha = 1 (Sec. 3.1).
#   mim train samix_mm mocov2-mixup_cifar10-jpeg-2k_r18w16.py
# Cost: about 10 minutes on one CPU core.
_base_ = './mocov2_cifar10-jpeg-2k_r18w16.py'

model = dict(type='SAMixMoCo', mixer=dict(type='MixUp'), alpha=1.0)

custom_hooks = [dict(type='EMAMomentumHook')]
