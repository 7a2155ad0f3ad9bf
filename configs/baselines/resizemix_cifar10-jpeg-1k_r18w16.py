# MMPretrain's own ResizeMix, alpha = 1.0 as the paper sets it for CIFAR
# (Sec. A.1.2).
#   mim train samix_mm resizemix_cifar10-jpeg-1k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = './vanilla_cifar10-jpeg-1k_r18w16.py'

model = dict(train_cfg=dict(augments=dict(type='ResizeMix', alpha=1.0)))
