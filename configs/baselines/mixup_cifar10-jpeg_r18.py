# MMPretrain's own Mixup, alpha = 1.0 as the paper sets it for CIFAR
# (Sec. A.1.2).
#   mim train samix_mm mixup_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = './vanilla_cifar10-jpeg_r18.py'

model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))
