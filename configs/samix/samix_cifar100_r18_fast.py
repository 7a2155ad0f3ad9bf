# No paper number: samix_cifar100_r18.py at two thirds of its cost.
#   mim train samix_mm samix_cifar100_r18_fast.py
# Cost: 800 epochs of 50,000 images at 32 pixels, each step about 1.9 times
# the FLOPs of vanilla training.
_base_ = './samix_cifar100_r18.py'

# What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.5, mixer_batch_ratio=0.5)
