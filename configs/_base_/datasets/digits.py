# Scikit-learn's digits, enlarged to 16x16. Nothing is downloaded.
data_preprocessor = dict(
    num_classes=10,
    # mean and deviation of the training images
    mean=[77.8] * 3,
    std=[95.9] * 3)

train_pipeline = [
    dict(type='Resize', scale=16),
    dict(type='RandomCrop', crop_size=16, padding=2),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='Resize', scale=16),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=50,
    num_workers=1,
    dataset=dict(
        type='samix_mm.Digits', split='train', pipeline=train_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    persistent_workers=True)
val_dataloader = dict(
    batch_size=120,
    num_workers=1,
    dataset=dict(type='samix_mm.Digits', split='test', pipeline=test_pipeline),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    persistent_workers=True)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1, ))
test_evaluator = val_evaluator
