# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
#   mim train samix_mm samix_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = '../baselines/vanilla_cifar10-jpeg_r18.py'

model = dict(type='SAMixClassifier', mixer=dict(type='Mixer', dropout=0.))

custom_hooks = [
    dict(type='EMAMomentumHook'),
    dict(type='MaskLossAnnealHook'),
    dict(type='MixedSampleHook', interval=10),
]
