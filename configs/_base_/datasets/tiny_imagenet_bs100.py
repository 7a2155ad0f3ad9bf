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

# Workers stay, and send one tensor a batch, not one an image.
loader = dict(
    batch_size=100,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True)
dataset = dict(
    type='samix_mm.TinyImageNet', data_root='data/tiny-imagenet-200')
train_dataloader = dict(
    loader, dataset=dict(dataset, pipeline=train_pipeline))
val_dataloader = dict(
    loader, dataset=dict(dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader
