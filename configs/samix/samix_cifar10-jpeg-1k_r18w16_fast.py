# No paper number: the yardstick of docs/cost.md for cheaper training.
#   mim train samix_mm samix_cifar10-jpeg-1k_r18w16_fast.py
# Cost: about 12 minutes on one CPU core.
_base_ = './samix_cifar10-jpeg-1k_r18w16.py'

# The online network sees half of each batch clean, and the Mixer learns from a
# quarter. What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.5, mixer_batch_ratio=0.5)
