# Table 4, ImageNet-1k, ResNet-50, 200 epochs, row MoCo.V2.
# MoCo.V2: 67.66 % top-1 of a linear classifier, the mean of 3
# trials: linear_in1k_r50.py.
#   mim train samix_mm mocov2_in1k_r50.py --launcher pytorch --gpus 8
# Cost: 200 epochs of 1.28 million images at 224 pixels.
# The paper does not say for how long it pre-trains; 200 epochs are those of
# MoCo v2's published 67.5 %.
_base_ = [
    '../_base_/models/mocov2_resnet50.py',
    'mmpretrain::_base_/datasets/imagenet_bs32_mocov2.py',
    'mmpretrain::_base_/schedules/imagenet_sgd_coslr_200e.py',
    '../_base_/default_runtime.py',
]

# as MMPretrain has it
model = dict(queue_len=65536, backbone=dict(zero_init_residual=False))

auto_scale_lr = dict(base_batch_size=256)
