# CIFAR-100 with reflecting padding (Sec. 4.1), 100 images a batch.
_base_ = 'mmpretrain::_base_/datasets/cifar100_bs16.py'

train_pipeline = [
    dict(type='RandomCrop', crop_size=32, padding=4, padding_mode='reflect'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]

# Workers stay, and send one tensor a batch, not one an image.
loader = dict(
    batch_size=100,
    num_workers=4,
    collate_fn=dict(type='default_collate'),
    persistent_workers=True)
train_dataloader = dict(loader, dataset=dict(pipeline=train_pipeline))
val_dataloader = loader
test_dataloader = val_dataloader
