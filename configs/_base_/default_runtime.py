_base_ = 'mmpretrain::_base_/default_runtime.py'

custom_imports = dict(imports=['samix_mm'])

default_hooks = dict(
    checkpoint=dict(save_best='auto', max_keep_ckpts=2),
    # checkpoints which any PyTorch reads without running code from them
    plain_checkpoint=dict(type='PlainCheckpointHook'))
