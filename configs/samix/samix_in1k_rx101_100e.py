# Table 10, ImageNet-1k, ResNeXt-101 (32x4d), 100 epochs.
# SAMix: 80.44 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_in1k_rx101_100e.py --launcher pytorch --gpus 4
# Cost: 100 epochs of 1.28 million images at 224 pixels, each step about
# 3 times the FLOPs of vanilla training.
_base_ = [
    'mmpretrain::_base_/models/resnext101_32x4d.py',
    'mmpretrain::_base_/datasets/imagenet_bs64.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/samix.py',
]

model = dict(type='SAMixClassifier', eta=0.1)

auto_scale_lr = dict(base_batch_size=256)
