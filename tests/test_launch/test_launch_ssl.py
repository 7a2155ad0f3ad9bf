"""Self-supervised training under three stock scripts, as a user runs them:
by mim, from a directory that is not the repository, on image files."""
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers import processes
from tests.helpers.processes import last_scalars, needs_mim_of_mmpretrain

ROOT = Path(__file__).parents[2]
NUM_IMAGES = 16
COMMON = [
    'train_cfg.max_epochs=1', 'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False', 'model.queue_len=10'
]

mim = partial(processes.mim, options=COMMON)


@pytest.fixture(scope='module')
def outside(tmp_path_factory) -> Path:
    """A directory with image files in it, two classes of them."""
    directory = tmp_path_factory.mktemp('outside')
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        for number in range(NUM_IMAGES):
            folder = directory / 'jpegs' / split / ('cat', 'dog')[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            image = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / f'{number:02}.jpg'), image)
    return directory


MMPRETRAIN = '''
_base_ = 'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
custom_imports = dict(imports=['samix_mm'])
model = dict(
    type='SAMixMoCo',
    backbone=dict(depth=18, base_channels=8, stem_channels=8),
    neck=dict(in_channels=64, hid_channels=16))
custom_hooks = [dict(type='EMAMomentumHook')]
view_pipeline = _base_.view_pipeline
view_pipeline[0]['scale'] = 32
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
    dict(type='PackInputs')
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='jpegs',
        data_prefix='train',
        pipeline=train_pipeline))
'''
CLUSTERS = [
    'model.objective.type=ClusterObjective', 'model.objective.num_clusters=3'
]


@needs_mim_of_mmpretrain
def test_stock_mmpretrain_trains_a_drop_in_config(outside):
    (outside / 'moco.py').write_text(MMPRETRAIN)
    mim('train', 'mmpretrain', 'moco.py', '--work-dir', 'moco', cwd=outside)
    scalars = last_scalars(outside / 'moco')
    assert {'loss_nce', 'loss_mix', 'loss_mixer', 'loss_mask',
            'lam_gap', 'mask_std', 'momentum'} <= set(scalars)
    log = mim('train', 'mmpretrain', 'moco.py', '--work-dir', 'moco',
              '--resume', cwd=outside,
              options=[*COMMON, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log


@needs_mim_of_mmpretrain
def test_stock_mmpretrain_on_two_processes_without_a_gpu(outside):
    """The default of MMPretrain's script would be NCCL."""
    (outside / 'two.py').write_text(MMPRETRAIN)
    options = [*COMMON, *CLUSTERS]
    two = partial(mim, 'train', 'mmpretrain', 'two.py', '--work-dir', 'two',
                  '--launcher', 'pytorch', '--gpus', '2', cwd=outside)
    two(options=options)
    scalars = last_scalars(outside / 'two')
    assert {'loss_cluster', 'cluster_change', 'cluster_min',
            'cluster_median', 'cluster_empty'} <= set(scalars)
    saved = torch.load(outside / 'two/epoch_1.pth', weights_only=True)
    # 2 iterations of 2 x 4 images
    assert saved['state_dict']['queue_ptr'] == NUM_IMAGES % 10
    log = two('--resume', options=[*options, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log
    # NMI with the labels of the folders, after the first epoch
    assert 'cluster_nmi' in log


def test_own_config_on_stl10(outside):
    """On files of STL-10's format, with kNN, then alone on a checkpoint; two
    processes resume what one began."""
    folder = outside / 'data/stl10_binary'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ('train', 'test', 'unlabeled'):
        rng.integers(0, 256, (NUM_IMAGES, 3, 96, 96),
                     dtype=np.uint8).tofile(folder / f'{split}_X.bin')
        rng.integers(1, 11, NUM_IMAGES,
                     dtype=np.uint8).tofile(folder / f'{split}_y.bin')
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader',
               'val_cfg.bank_dataloader', 'test_cfg.bank_dataloader')
    options = [
        *COMMON, 'train_cfg.val_interval=1', 'val_evaluator.k=3',
        'test_evaluator.k=3', 'model.backbone.base_channels=8',
        'model.backbone.stem_channels=8', 'model.neck.in_channels=64',
        'model.neck.hid_channels=16',
        *(f'{loader}.dataset.check_counts=False' for loader in loaders),
        *(f'{loader}.num_workers=0' for loader in loaders[1:]),
        *(f'{loader}.persistent_workers=False' for loader in loaders[1:]),
        'default_hooks.checkpoint.interval=1'
    ]
    name = 'samix-i_stl10_r18.py'
    mim('train', 'samix_mm', name, '--work-dir', 'stl', cwd=outside,
        options=options)
    trained = last_scalars(outside / 'stl')
    assert {'knn/top1', 'loss_mixer'} <= set(trained)
    log = mim('test', 'samix_mm', name, '--checkpoint', 'stl/epoch_1.pth',
              cwd=outside, options=options)
    assert f'knn/top1: {trained["knn/top1"]:.4f}' in log
    log = mim('train', 'samix_mm', name, '--work-dir', 'stl', '--resume',
              '--launcher', 'pytorch', '--gpus', '2', cwd=outside,
              options=[*options, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log
    linear = [
        option for option in options if 'queue' not in option
        and 'neck' not in option and 'bank' not in option
        and 'evaluator' not in option
    ]
    mim('train', 'samix_mm', 'linear_stl10_r18.py', '--work-dir', 'linear',
        cwd=outside, options=[
            *linear, 'model.head.in_channels=64',
            'model.backbone.init_cfg.checkpoint=stl/epoch_2.pth'
        ])
    assert 'accuracy/top1' in last_scalars(outside / 'linear')


MMSELFSUP = '''
_base_ = 'mmselfsup::selfsup/mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
custom_imports = dict(imports=['samix_mm'])
model = dict(
    type='SAMixMoCo',
    backbone=dict(depth=18, base_channels=8, stem_channels=8),
    neck=dict(in_channels=64, hid_channels=16))
custom_hooks = [dict(type='EMAMomentumHook')]
view_pipeline = _base_.view_pipeline
view_pipeline[0]['size'] = 32
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
    dict(
        type='PackSelfSupInputs',
        algorithm_keys=['sample_idx'],
        meta_keys=['img_path'])
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmcls.CustomDataset',
        data_prefix='jpegs/train',
        pipeline=train_pipeline))
'''


@pytest.mark.skipif(
    find_spec('mmselfsup') is None,
    reason='needs MMSelfSup 1.0.0 with mmcls 1.0.0rc6 and mmcv-lite 2.0.1')
@pytest.mark.parametrize('variant', [[], CLUSTERS], ids=['i', 'c'])
def test_stock_mmselfsup_trains_a_drop_in_config(outside, variant):
    name = f'selfsup{len(variant)}'
    (outside / f'{name}.py').write_text(MMSELFSUP)
    options = [*COMMON, 'default_hooks.checkpoint.interval=1', *variant]
    train = partial(mim, 'train', 'mmselfsup', f'{name}.py', '--work-dir',
                    name, cwd=outside)
    train(options=options)
    scalars = last_scalars(outside / name)
    assert {'loss_nce', 'loss_mix', 'loss_mixer', 'loss_mask'} <= set(scalars)
    log = train('--resume', options=[*options, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log
