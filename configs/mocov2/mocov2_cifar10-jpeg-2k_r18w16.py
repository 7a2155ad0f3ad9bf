# No paper number: a yardstick that fits a CPU, for docs/results.md.
# 2,000 training images without labels; kNN accuracy.
#   mim train samix_mm mocov2_cifar10-jpeg-2k_r18w16.py
# Cost: about 6 minutes on one CPU core.
_base_ = [
    '../_base_/models/mocov2_resnet18_w16_cifar.py',
    '../_base_/datasets/cifar10_jpeg_ssl_2k.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
]

# 1,200 iterations are too few for a momentum network that keeps 0.999.
model = dict(queue_len=1000, momentum=0.01)

optim_wrapper = dict(optimizer=dict(lr=0.06, weight_decay=5e-4))
param_scheduler = dict(T_max=30)
train_cfg = dict(max_epochs=30, val_interval=10)
val_cfg = dict(type='KNNValLoop', bank_dataloader=_base_.bank_dataloader)
test_cfg = dict(type='KNNTestLoop', bank_dataloader=_base_.bank_dataloader)

default_hooks = dict(
    logger=dict(interval=40), checkpoint=dict(interval=10, max_keep_ckpts=1))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=50)
