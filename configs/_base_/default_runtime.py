_base_ = 'mmpretrain::_base_/default_runtime.py'

custom_imports = dict(imports=['samix_mm'])

default_hooks = dict(
    # the log without a wait for the GPU in each step
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    # a whole checkpoint on the disk at any moment, resumed from exactly
    checkpoint=dict(
        type='SafeCheckpointHook', save_best='auto', max_keep_ckpts=2),
    exact_resume=dict(type='ExactResumeHook'),
    # checkpoints which any PyTorch reads without running code from them
    plain_checkpoint=dict(type='PlainCheckpointHook'))
