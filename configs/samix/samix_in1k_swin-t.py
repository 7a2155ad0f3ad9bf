# No paper number: SAMix on a transformer, with the recipe of MMPretrain.
#   mim train samix_mm samix_in1k_swin-t.py --launcher pytorch --gpus 16
# Cost: about 3 times the hours of MMPretrain's swin-tiny_16xb64_in1k.py.
_base_ = 'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py'

custom_imports = dict(imports=['samix_mm'], allow_failed_imports=False)
# MixUp and CutMix of the recipe give way to SAMix.
model = dict(type='SAMixClassifier', eta=0.1, train_cfg=None)
custom_hooks = [dict(type='EMAMomentumHook')]
# One parameter group for each setting of the recipe, not for each parameter.
optim_wrapper = dict(constructor='MergedOptimWrapperConstructor')
