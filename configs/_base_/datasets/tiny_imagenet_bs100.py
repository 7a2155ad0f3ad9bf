# Tiny-ImageNet at its 64 pixels, 100 images a batch (Sec. 4.1).
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64.py'

data_preprocessor = dict(num_classes=200)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=64),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='PackInputs'),
]

dataset = dict(type='TinyImageNet', data_root='data/tiny-imagenet-200')
train_dataloader = dict(
    batch_size=100, dataset=dict(dataset, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=100, dataset=dict(dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader
