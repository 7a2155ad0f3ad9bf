# What a training with SAMix needs: the momentum network follows, the mask
# loss fades, and pictures of mixed images show what the Mixer has learned.
custom_hooks = [
    dict(type='EMAMomentumHook'),
    dict(type='MaskLossAnnealHook'),
    dict(type='MixedSampleHook', interval=10),
]
