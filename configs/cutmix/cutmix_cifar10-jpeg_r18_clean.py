# No paper number: full-size CIFAR-10 as JPEG files, for docs/results.md.
# CutMix as SAMix is trained: the network also learns from clean images,
# with a head of its own, and a momentum network follows it.
#   mim train samix_mm cutmix_cifar10-jpeg_r18_clean.py
# Cost: 200 epochs of 50,000 images at 32 pixels, each step about twice the
# FLOPs of vanilla training.
_base_ = ['./cutmix_cifar10-jpeg_r18.py', '../_base_/hooks/momentum.py']

model = dict(clean_weight=1.0, momentum_net=True)
