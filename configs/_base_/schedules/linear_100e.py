# 100 epochs of a linear classifier, whose learning rate falls at epochs 30 and
# 60 as in Sec. 4.2; Sec. A.1.3 says 60 and 80:
# param_scheduler.0.milestones='[60,80]'.
_base_ = 'mmpretrain::_base_/schedules/imagenet_sgd_steplr_100e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=0.))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[30, 60], gamma=0.1)
]
auto_scale_lr = dict(base_batch_size=256)
