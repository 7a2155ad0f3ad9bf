# No paper number: samix_cifar100_r18.py at two thirds of its cost.
#   mim train samix_mm samix_cifar100_r18_fast.py
# Cost: 800 epochs of 50,000 images at 32 pixels, each step about 1.9 times
# the FLOPs of vanilla training.
_base_ = './samix_cifar100_r18.py'

# Seven tenths of each batch are also seen mixed, and the Mixer learns every
# eight steps. What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.7, mixing=dict(mixer_interval=8))
# In the other steps DDP waits for no gradients of the Mixer.
find_unused_parameters = True
