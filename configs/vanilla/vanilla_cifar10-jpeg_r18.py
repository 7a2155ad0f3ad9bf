# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
#   mim train samix_mm vanilla_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    '../_base_/datasets/cifar10_jpeg.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
]

param_scheduler = dict(T_max=200)
train_cfg = dict(max_epochs=200)
auto_scale_lr = dict(base_batch_size=100)
