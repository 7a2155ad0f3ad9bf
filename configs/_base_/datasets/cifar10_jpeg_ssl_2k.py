# The first 200 training images of each class to train on; kNN on them with
# the first 200 test images of each class.
_base_ = './cifar10_jpeg_ssl.py'

small = dict(type='samix_mm.FewShotFolder', samples_per_class=200)
bank_dataloader = dict(num_workers=0, persistent_workers=False, dataset=small)
train_dataloader = dict(batch_size=50, num_workers=1, dataset=small)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(type='samix_mm.FewShotFolder', samples_per_class=200))
test_dataloader = val_dataloader

val_evaluator = dict(k=20)
test_evaluator = val_evaluator
