# The first 100 training and the first 200 test images of each class.
_base_ = './cifar10_jpeg.py'

train_dataloader = dict(
    batch_size=50,
    num_workers=1,
    dataset=dict(type='samix_mm.FewShotFolder', samples_per_class=100))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(type='samix_mm.FewShotFolder', samples_per_class=200))
test_dataloader = val_dataloader
