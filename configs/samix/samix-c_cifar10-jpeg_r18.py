# No paper number: full-size CIFAR-10 as JPEG files.
#   mim train samix_mm samix-c_cifar10-jpeg_r18.py
# Cost: 200 epochs of 50,000 images at 32 pixels,
# each step about 2.5 times the FLOPs of MoCo v2.
_base_ = './samix-i_cifar10-jpeg_r18.py'

model = dict(objective=dict(type='ClusterObjective'))
