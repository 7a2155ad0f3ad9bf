# No paper number: a yardstick that fits a CPU, for docs/results.md.
# 1,000 training images, 60 epochs; the median of the last 5 epochs counts.
#   mim train samix_mm vanilla_cifar10-jpeg-1k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = [
    '../_base_/models/resnet18_w16_cifar.py',
    '../_base_/datasets/cifar10_jpeg_1k.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=10, max_keep_ckpts=1))

param_scheduler = dict(T_max=60)
train_cfg = dict(max_epochs=60, val_begin=56)
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=50)
