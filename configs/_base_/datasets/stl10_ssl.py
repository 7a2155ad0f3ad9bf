# STL-10's unlabelled images, MoCo v2's two views at 96 pixels (Sec. A.1.3);
# kNN accuracy on the labelled ones.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs32_mocov2.py'

view_pipeline = _base_.view_pipeline
view_pipeline[0]['scale'] = 96
train_pipeline = [
    dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]

data = dict(type='samix_mm.STL10', data_root='data/stl10_binary')
train_dataloader = dict(
    dataset=dict(
        data, _delete_=True, split='unlabeled', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=256,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data, split='test', pipeline=test_pipeline))
test_dataloader = val_dataloader
bank_dataloader = dict(
    val_dataloader, dataset=dict(data, split='train', pipeline=test_pipeline))

val_evaluator = dict(type='KNNAccuracy', k=200)
test_evaluator = val_evaluator
