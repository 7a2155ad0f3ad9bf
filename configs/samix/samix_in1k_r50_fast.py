# No paper number: samix_in1k_r50.py at two thirds of its cost.
#   mim train samix_mm samix_in1k_r50_fast.py --launcher pytorch --gpus 4
# Cost: 300 epochs of 1.28 million images at 224 pixels, each step about
# 1.9 times the FLOPs of vanilla training.
_base_ = './samix_in1k_r50.py'

# What each of these costs and gains is in docs/cost.md.
model = dict(mix_batch_ratio=0.5, mixer_batch_ratio=0.5)
