# iNaturalist 2017 with ImageNet's pipelines.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64.py'

data_preprocessor = dict(num_classes=5089)

dataset = dict(
    type='samix_mm.INaturalist2017', data_root='data/inaturalist2017')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
