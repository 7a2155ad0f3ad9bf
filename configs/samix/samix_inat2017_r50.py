# Table 5, iNaturalist 2017, ResNet-50, 100 epochs.
# SAMix: 63.32 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_inat2017_r50.py --launcher pytorch --gpus 4
# Cost: 100 epochs of 579,184 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    '../_base_/datasets/inat2017_bs64.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

model = dict(
    type='SAMixClassifier',
    mixing=dict(type='SAMix', eta=0.1),
    head=dict(num_classes=5089))

auto_scale_lr = dict(base_batch_size=256)
