# CIFAR-10 (JPEG) without labels, MoCo v2's two views at 32 pixels; the labels
# serve kNN evaluation. Blurring is left out, as is usual at this size.
_base_ = './cifar10_jpeg.py'

data_preprocessor = dict(
    _delete_=True,
    type='SelfSupDataPreprocessor',
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=True)

view_pipeline = [
    dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.2, 1.)),
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.4,
                hue=0.1)
        ],
        prob=0.8),
    dict(
        type='RandomGrayscale',
        prob=0.2,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.2989)),
    dict(type='RandomFlip', prob=0.5),
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
    dict(type='PackInputs'),
]

bank_dataloader = dict(_base_.val_dataloader)
bank_dataloader.update(
    dataset=dict(_base_.val_dataloader['dataset'], data_prefix='train'))
train_dataloader = dict(
    batch_size=256,
    drop_last=True,
    dataset=dict(pipeline=train_pipeline))

val_evaluator = dict(
    _delete_=True, type='KNNAccuracy', k=200, temperature=0.1)
test_evaluator = val_evaluator
