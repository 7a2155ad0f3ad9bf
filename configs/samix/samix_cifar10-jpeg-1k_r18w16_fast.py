# No paper number: the yardstick of docs/cost.md for cheaper training.
#   mim train samix_mm samix_cifar10-jpeg-1k_r18w16_fast.py
# Cost: about 11 minutes on one CPU core.
_base_ = './samix_cifar10-jpeg-1k_r18w16.py'

# No pass over clean images by the online network, and the Mixer learns from
# half of each batch.
model = dict(onehot_weight=0., mixer_batch_ratio=0.5)
