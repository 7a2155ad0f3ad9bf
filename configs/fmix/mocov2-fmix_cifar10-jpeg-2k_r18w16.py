# No paper number: a yardstick that fits a CPU, for docs/results.md.
# Cross-view FMix, alpha = 1 as in the comparison of Sec. 3.1.
#   mim train samix_mm mocov2-fmix_cifar10-jpeg-2k_r18w16.py
# Cost: about 10 minutes on one CPU core.
_base_ = [
    '../mocov2/mocov2_cifar10-jpeg-2k_r18w16.py',
    '../_base_/hooks/momentum.py',
]

model = dict(type='MixMoCo', mixing=dict(type='FMix', alpha=1.0))
