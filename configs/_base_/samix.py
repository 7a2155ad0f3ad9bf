# What every SAMix training adds to MMPretrain's runtime.
_base_ = './default_runtime.py'

custom_hooks = [
    dict(type='EMAMomentumHook'),
    dict(type='MaskLossAnnealHook'),
    dict(type='MixedSampleHook', interval=10),
]
