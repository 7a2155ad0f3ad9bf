# No paper number: samix_in1k_r50.py at two thirds of its cost.
#   mim train samix_mm samix_in1k_r50_fast.py --launcher pytorch --gpus 4
# Cost: 300 epochs of 1.28 million images at 224 pixels, each step about
# 2.0 times the FLOPs of vanilla training.
_base_ = './samix_in1k_r50.py'

# Seven tenths of each batch are also seen mixed, and the Mixer learns every
# eight steps. What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.7, mixing=dict(mixer_interval=8))
# In the other steps DDP waits for no gradients of the Mixer.
find_unused_parameters = True
