# No paper number: a yardstick that fits a CPU, for docs/results.md.
# ResizeMix with its own paper's scales, uniform in (0.1, 0.8), which alpha = 1
# gives in OpenMixup (Sec. A.1.2).
# As in the paper's tables, the network learns from mixed images alone.
#   mim train samix_mm resizemix_cifar10-jpeg-1k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = '../vanilla/vanilla_cifar10-jpeg-1k_r18w16.py'

model = dict(type='MixClassifier', mixing=dict(type='ResizeMix'))
