# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
#   mim train samix_mm samix_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = [
    '../vanilla/vanilla_cifar10-jpeg_r18.py',
    '../_base_/hooks/samix.py',
]

# no dropout in the Mixer on small data sets, as the authors ran it
model = dict(
    type='SAMixClassifier',
    mixing=dict(type='SAMix', mixer=dict(type='Mixer', dropout=0.)))
