# No paper number: the yardstick of docs/cost.md for cheaper training.
#   mim train samix_mm samix_cifar10-jpeg-1k_r18w16_fast.py
# Cost: about 12 minutes on one CPU core.
_base_ = './samix_cifar10-jpeg-1k_r18w16.py'

# Seven tenths of each batch are also seen mixed, and the Mixer learns every
# eight steps. What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.7, mixing=dict(mixer_interval=8))
# In the other steps DDP waits for no gradients of the Mixer.
find_unused_parameters = True
