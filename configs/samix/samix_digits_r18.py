# No paper number: the demo, on data that comes with scikit-learn.
# Top-1 of 97 % or more on the 360 test digits.
#   mim train samix_mm samix_digits_r18.py
# Cost: about 2 minutes on two CPU cores.
_base_ = [
    '../_base_/models/resnet18_w16_cifar.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/sgd_cosine.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

# A few hundred iterations are too few for a momentum that starts at 0.999.
model = dict(
    type='SAMixClassifier', mixing=dict(type='SAMix'), momentum=0.99)

default_hooks = dict(
    logger=dict(interval=29), checkpoint=dict(interval=10))
param_scheduler = dict(T_max=20)
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(base_batch_size=50)
randomness = dict(seed=0)
