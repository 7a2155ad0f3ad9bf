# No paper number: full-size CIFAR-10 as JPEG files.
#   mim train samix_mm mocov2_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels.
_base_ = [
    '../_base_/models/mocov2_resnet18_cifar.py',
    '../_base_/datasets/cifar10_jpeg_ssl.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
]

model = dict(queue_len=4096)

optim_wrapper = dict(optimizer=dict(lr=0.06, weight_decay=5e-4))
param_scheduler = dict(T_max=200)
train_cfg = dict(max_epochs=200, val_interval=10)
val_cfg = dict(type='KNNValLoop', bank_dataloader=_base_.bank_dataloader)
test_cfg = dict(type='KNNTestLoop', bank_dataloader=_base_.bank_dataloader)

default_hooks = dict(checkpoint=dict(interval=10))
auto_scale_lr = dict(base_batch_size=256)
