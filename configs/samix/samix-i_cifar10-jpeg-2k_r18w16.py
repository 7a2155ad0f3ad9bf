# No paper number: a yardstick that fits a CPU, for docs/results.md.
#   mim train samix_mm samix-i_cifar10-jpeg-2k_r18w16.py
# Cost: about 13 minutes on one CPU core.
_base_ = [
    '../mocov2/mocov2_cifar10-jpeg-2k_r18w16.py',
    '../_base_/hooks/samix.py',
]

model = dict(type='SAMixMoCo', mixing=dict(type='SAMix'))
