# No paper number: SAMix on a transformer, with the recipe of MMPretrain.
#   mim train samix_mm samix_in1k_swin-t.py --launcher pytorch --gpus 16
# Cost: about 3 times the hours of MMPretrain's swin-tiny_16xb64_in1k.py.
_base_ = [
    'mmpretrain::_base_/models/swin_transformer/tiny_224.py',
    'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py',
    'mmpretrain::_base_/schedules/imagenet_bs1024_adamw_swin.py',
    '../_base_/default_runtime.py',
    '../_base_/hooks/samix.py',
]

# MixUp and CutMix of the recipe give way to SAMix.
model = dict(
    type='SAMixClassifier',
    mixing=dict(type='SAMix', eta=0.1),
    train_cfg=None)

# One parameter group for each setting of the recipe, not for each parameter.
optim_wrapper = dict(
    clip_grad=dict(max_norm=5.0), constructor='MergedOptimWrapperConstructor')
