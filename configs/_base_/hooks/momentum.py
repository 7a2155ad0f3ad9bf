# What a training with a momentum network and no Mixer needs.
custom_hooks = [dict(type='EMAMomentumHook')]
