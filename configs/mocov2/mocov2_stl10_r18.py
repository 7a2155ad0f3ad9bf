# Table 3, STL-10, ResNet-18, 400 epochs, row MoCo.V2.
# MoCo.V2: 81.50 % top-1 of a linear classifier, the mean of 3
# trials: linear_stl10_r18.py.
#   mim train samix_mm mocov2_stl10_r18.py --launcher pytorch --gpus 8
# Cost: 400 epochs of 100,000 images at 96 pixels.
_base_ = [
    '../_base_/models/mocov2_resnet18.py',
    '../_base_/datasets/stl10_ssl.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
]

# 8 processes of 32 images: MoCo shuffles keys between processes
optim_wrapper = dict(optimizer=dict(lr=0.03))
param_scheduler = dict(T_max=400)
train_cfg = dict(max_epochs=400, val_interval=50)
val_cfg = dict(type='KNNValLoop', bank_dataloader=_base_.bank_dataloader)
test_cfg = dict(type='KNNTestLoop', bank_dataloader=_base_.bank_dataloader)

default_hooks = dict(checkpoint=dict(interval=10))
auto_scale_lr = dict(base_batch_size=256)
