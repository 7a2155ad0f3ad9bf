"""The commands of the README, run as a user runs them: by mim, from a
directory that is not the repository, in processes of their own."""
import json
import os
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers import processes
from tests.helpers.processes import last_scalars, needs_mim_of_mmpretrain

ROOT = Path(__file__).parents[2]
CONFIG = 'samix_digits_r18.py'

# A few steps of a network of a few channels.
QUICK = [
    'train_cfg.max_epochs=1', 'train_dataloader.batch_size=8',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'train_dataloader.dataset.indices=16', 'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'val_dataloader.dataset.indices=16', 'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'test_dataloader.dataset.indices=16', 'model.backbone.base_channels=4',
    'model.backbone.stem_channels=4', 'model.head.in_channels=32'
]

run = partial(processes.run, options=QUICK)
mim = partial(processes.mim, options=QUICK)


@pytest.fixture(scope='module')
def outside(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('outside')


@pytest.fixture(scope='module')
def trained(outside) -> Path:
    """Work dir of one epoch, started by the config's bare name."""
    mim('train', 'samix_mm', CONFIG, '--work-dir', 'trained', cwd=outside)
    return outside / 'trained'


def test_bare_name(trained):
    assert (trained / 'epoch_1.pth').exists()
    scalars = last_scalars(trained)
    assert {
        'loss', 'loss_mix', 'loss_clean', 'loss_mixer', 'loss_mask',
        'lam_gap', 'mask_std', 'gamma', 'momentum', 'mask_weight',
        'clean_accuracy_top-1', 'accuracy/top1'
    } <= set(scalars)
    assert list(trained.glob('*/vis_data/vis_image/mixed_samples_*.png'))


def test_resume_from_the_latest_checkpoint(trained, outside):
    options = [*QUICK, 'train_cfg.max_epochs=2']
    log = mim(
        'train', 'samix_mm', CONFIG, '--work-dir', 'trained', '--resume',
        cwd=outside, options=options)
    assert 'resumed epoch: 1' in log
    assert (trained / 'epoch_2.pth').exists()


def test_test_reports_each_head_on_demand(trained, outside):
    mim('test', 'samix_mm', CONFIG, '--checkpoint',
        trained / 'epoch_1.pth', '--work-dir', 'tested', '--out',
        'metrics.json', '--out-item', 'metrics', cwd=outside,
        options=[*QUICK, 'test_cfg.type=AllHeadsTestLoop'])
    metrics = json.loads((outside / 'metrics.json').read_text())
    assert {
        'accuracy/top1', 'online_clean/accuracy/top1',
        'momentum_mixed/accuracy/top1', 'momentum_clean/accuracy/top1'
    } <= set(metrics)


def test_two_processes_by_path_with_the_other_switches(trained, outside):
    no_val = [option for option in QUICK if not option.startswith('val_')]
    log = mim(
        'train', 'samix_mm', trained / CONFIG, '--launcher', 'pytorch',
        '--gpus', '2', '--work-dir', 'two', '--no-validate',
        '--auto-scale-lr', '--resume', trained / 'epoch_1.pth', cwd=outside,
        options=[*no_val, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log
    assert 'Scaling the original LR' in log
    assert (outside / 'two' / 'epoch_2.pth').exists()
    assert 'accuracy/top1' not in last_scalars(outside / 'two')


def test_dist_scripts_and_amp(outside, trained):
    bin_dir = str(Path(sys.executable).parent)
    path = bin_dir + os.pathsep + os.environ['PATH']
    run(ROOT / 'tools/dist_train.sh', trained / CONFIG, '2', '--work-dir',
        'dist', '--amp', cwd=outside, PATH=path, PORT='29611')
    checkpoint = outside / 'dist' / 'epoch_1.pth'
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    assert all(
        torch.isfinite(weight.float()).all() for weight in weights.values())
    log = run(ROOT / 'tools/dist_test.sh', trained / CONFIG, checkpoint, '2',
              cwd=outside, PATH=path, PORT='29612')
    assert 'accuracy/top1' in log


def test_slurm_dry_run_prints_the_srun_line(outside):
    script = ROOT / 'tools/slurm_train.sh'
    arguments = ('gpu', 'samix', CONFIG, 'work', '--amp')
    line = run(script, *arguments, cwd=outside, options=None, DRY_RUN='1',
               GPUS='16')
    assert line.split()[0] == 'srun'
    for words in ('-p gpu', '--job-name=samix', '--ntasks=16',
                  '--ntasks-per-node=8', '--gres=gpu:8',
                  f'{CONFIG} --work-dir work --launcher slurm --amp'):
        assert words in line
    assert line == run(script, '--dry-run', *arguments, cwd=outside,
                       options=None, GPUS='16')


def test_gridsearch_over_one_value(outside):
    mim('gridsearch', 'samix_mm', CONFIG, '--work-dir', 'grid', '--gpus', '0',
        '--search-args', '--optim_wrapper.optimizer.lr 0.05', cwd=outside)
    work_dir = outside / 'grid_search_optim_wrapper.optimizer.lr_0.05'
    assert last_scalars(work_dir)['lr'] == 0.05
    assert (work_dir / 'epoch_1.pth').exists()


def test_a_config_outside_the_repository_inherits(outside):
    (outside / 'mine.py').write_text(
        f"_base_ = 'samix_mm::samix/{CONFIG}'\n"
        'model = dict(mixing=dict(eta=0.25))\n')
    log = mim('train', 'samix_mm', 'mine.py', '--work-dir', 'mine',
              cwd=outside)
    assert 'eta=0.25' in log
    assert (outside / 'mine' / 'epoch_1.pth').exists()


@needs_mim_of_mmpretrain
def test_stock_mmpretrain_trains_a_drop_in_config_on_jpegs(outside):
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        for name in ('cat', 'dog'):
            folder = outside / 'jpegs' / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / f'{number}.jpg'), image)
    (outside / 'drop_in.py').write_text('''
_base_ = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'
custom_imports = dict(imports=['samix_mm'])
model = dict(type='SAMixClassifier')
custom_hooks = [dict(type='EMAMomentumHook')]
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
images = dict(
    _delete_=True, type='CustomDataset', data_root='jpegs', pipeline=pipeline)
train_dataloader = dict(dataset=dict(images, data_prefix='train'))
val_dataloader = dict(dataset=dict(images, data_prefix='test'))
test_dataloader = val_dataloader
''')
    options = [
        option for option in QUICK if '.indices' not in option
    ]
    mim('train', 'mmpretrain', 'drop_in.py', '--work-dir', 'drop_in',
        cwd=outside, options=options)
    scalars = last_scalars(outside / 'drop_in')
    assert {'loss_mixer', 'momentum', 'accuracy/top1'} <= set(scalars)
    log = mim('train', 'mmpretrain', 'drop_in.py', '--work-dir', 'drop_in',
              '--resume', cwd=outside,
              options=[*options, 'train_cfg.max_epochs=2'])
    assert 'resumed epoch: 1' in log


def test_mim_search_prints_the_models(outside):
    printed = mim('search', 'samix_mm', cwd=outside, options=None)
    for name in ('samix_in1k_r50', 'mocov2-mixup_stl10_r18'):
        assert name in printed


def test_publish_and_analysis(trained, outside):
    out = run(sys.executable, ROOT / 'tools/publish_model.py',
              trained / 'epoch_1.pth', 'samix.pth', cwd=outside, options=None)
    assert Path(outside, out.strip().splitlines()[-1]).exists()
    out = run(sys.executable, ROOT / 'tools/analysis/mixer_lambda.py',
              trained / CONFIG, trained / 'epoch_1.pth', '--num-pairs', '8',
              cwd=outside)
    summary = json.loads(out.strip().splitlines()[-1])
    assert -1 <= summary['correlation'] <= 1
    assert summary['num_pairs'] == 8
    assert 0 < summary['mask_std'] < 0.5
