# No paper number: a yardstick that fits a CPU, for docs/results.md. Linear
# evaluation on the 2,000 images of the pre-training, with their labels.
#   mim train samix_mm linear_cifar10-jpeg-2k_r18w16.py \
#       --cfg-options model.backbone.init_cfg.checkpoint=PRETRAINED.pth
# Cost: about 6 minutes on one CPU core.
_base_ = [
    '../_base_/models/resnet18_w16_cifar.py',
    '../_base_/datasets/cifar10_jpeg.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    type='samix_mm.LinearProbe',
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')))

train_dataloader = dict(
    num_workers=1,
    dataset=dict(type='samix_mm.FewShotFolder', samples_per_class=200))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(type='samix_mm.FewShotFolder', samples_per_class=200))
test_dataloader = val_dataloader

train_cfg = dict(val_interval=5)
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=100, max_keep_ckpts=1))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=100)
