# MMPretrain's own CutMix, alpha = 0.2 as the paper sets it for CIFAR
# (Sec. A.1.2).
#   mim train samix_mm cutmix_cifar10-jpeg-1k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = './vanilla_cifar10-jpeg-1k_r18w16.py'

model = dict(train_cfg=dict(augments=dict(type='CutMix', alpha=0.2)))
