"""Each config: what the paper says, and two real steps on its kind of data.

The data are a few random images, laid out on disk as the data set is; images
of 224 pixels are made 64. Models are those of the configs.
"""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR100

from tests.helpers.layouts import LAYOUTS
from tests.helpers.schedules import differs_in_length_only, distinct, shorter

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(ROOT.glob('configs/samix/*.py'))
BASELINES = sorted(ROOT.glob('configs/baselines/*.py'))

# Sec. 4.1 and A.1.2 of the paper; for the Mixer's own learning rate and the
# number of processes what its authors ran (OpenMixup).
SETTINGS = dict(
    cifar100=dict(
        lr=0.1, wd=1e-4, total=100, batch=100, classes=100, eta=0.5,
        mixer_lr=0.1, epochs=800),
    tiny=dict(
        lr=0.2, wd=1e-4, total=100, batch=100, classes=200, eta=0.5,
        mixer_lr=0.1, epochs=400),
    in1k=dict(
        lr=0.1, wd=1e-4, total=256, batch=64, classes=1000, eta=0.1,
        mixer_lr=0.1, epochs=300),
    cub=dict(
        lr=1e-3, wd=5e-4, total=16, batch=16, classes=200, eta=0.5,
        mixer_lr=0.01, epochs=200),
    aircraft=dict(
        lr=1e-3, wd=5e-4, total=16, batch=16, classes=100, eta=0.5,
        mixer_lr=0.01, epochs=200),
    inat2017=dict(
        lr=0.1, wd=1e-4, total=256, batch=64, classes=5089, eta=0.1,
        mixer_lr=0.1, epochs=100))
NETWORKS = dict(
    r18=('ResNet', 18), r34=('ResNet', 34), r50=('ResNet', 50),
    r101=('ResNet', 101), rx50=('ResNeXt', 50), rx101=('ResNeXt', 101))
NAME = re.compile(
    rf'samix_(?P<data>{"|".join(SETTINGS)})_(?P<net>{"|".join(NETWORKS)})'
    r'(_(?P<epochs>\d+)e)?$')
PUBLISHED = [path for path in CONFIGS if NAME.match(path.stem)]


def name_of(path: Path) -> str:
    return path.stem


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory) -> Path:
    """A directory in which all data sets lie where the configs look."""
    directory = tmp_path_factory.mktemp('layouts')
    for path, fill in LAYOUTS.items():
        fill(directory / path)
    return directory


def test_all_of_the_papers_supervised_numbers_have_a_config():
    assert len(PUBLISHED) == 23


def test_base_names_are_unique():
    names = [path.name for path in ROOT.glob('configs/**/*.py')]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('path', PUBLISHED, ids=name_of)
def test_published_setting(path):
    match = NAME.match(path.stem)
    expected = SETTINGS[match['data']]
    cfg = Config.fromfile(path)
    model = cfg.model
    kind, depth = NETWORKS[match['net']]
    epochs = int(match['epochs'] or expected['epochs'])

    assert model.type == 'SAMixClassifier'
    assert model.backbone.type.startswith(kind)
    assert model.backbone.depth == depth
    assert model.head.num_classes == expected['classes']
    assert cfg.data_preprocessor.num_classes == expected['classes']
    assert model.get('eta', 0.5) == expected['eta']
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.momentum) == ('SGD', 0.9)
    assert optimizer.lr == expected['lr']
    assert optimizer.weight_decay == expected['wd']
    keys = cfg.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
    mixer_lr = keys.get('mixer', {}).get('lr_mult', 1.) * optimizer.lr
    assert mixer_lr == pytest.approx(expected['mixer_lr'])
    assert cfg.train_cfg.max_epochs == epochs
    assert cfg.param_scheduler.T_max == epochs
    assert cfg.train_dataloader.batch_size == expected['batch']
    assert cfg.auto_scale_lr.base_batch_size == expected['total']
    small = match['data'] in ('cifar100', 'tiny')
    assert model.backbone.type.endswith('_CIFAR') == small
    assert model.get('mixer', {}).get('dropout', 0.1) == (0. if small else .1)
    if match['data'] in ('cub', 'aircraft'):
        weights = model.backbone.init_cfg.checkpoint
        assert weights.startswith(f'torchvision://{kind.lower()}{depth}')


def test_the_folder_of_jpegs_can_be_said_in_one_place(monkeypatch):
    path = ROOT / 'configs/samix/samix_cifar10-jpeg-1k_r18w16.py'
    for root in ('data/cifar10-jpeg', '/somewhere/jpegs'):
        cfg = Config.fromfile(path)
        for loader in ('train_dataloader', 'val_dataloader',
                       'test_dataloader'):
            assert cfg[loader].dataset.data_root == root
        monkeypatch.setenv('DATA_ROOT', '/somewhere/jpegs')


@pytest.mark.parametrize('path', CONFIGS + BASELINES, ids=name_of)
def test_header(path):
    """A reader learns number, command and cost before the first setting."""
    lines = path.read_text().splitlines()
    header = '\n'.join(lines[:next(
        i for i, line in enumerate(lines) if not line.startswith('#'))])
    assert f'mim train samix_mm {path.name}' in header
    assert 'Cost: ' in header
    if path in PUBLISHED:
        assert re.search(r'Table', header)
        assert re.search(r'SAMix: \d\d\.\d\d % top-1', header)


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if shorter(path)], ids=name_of)
def test_longer_schedules_differ_in_nothing_else(path):
    assert differs_in_length_only(path)


@pytest.mark.parametrize(
    'path', distinct(CONFIGS + BASELINES), ids=name_of)
def test_two_steps(path, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(data_dir)
    monkeypatch.setattr(CIFAR100, '_check_integrity', lambda self: True)
    cfg = small_run(Config.fromfile(path), tmp_path)
    runner = Runner.from_cfg(cfg)
    before = {}
    runner.model.init_weights()
    for name, weight in runner.model.named_parameters():
        before[name] = weight.detach().clone()
    runner.train()

    assert runner.iter == 2
    logged = runner.message_hub.log_scalars
    assert torch.isfinite(torch.tensor(logged['train/loss'].data[0])).all()
    assert 'val/accuracy/top1' in logged
    changed = {
        name.split('.')[0]
        for name, weight in runner.model.named_parameters()
        if not torch.equal(weight, before[name])
    }
    parts = {'backbone', 'head'}
    if cfg.model.type == 'SAMixClassifier':
        parts |= {'mixer', 'momentum_net'}
        if cfg.model.get('onehot_weight', 1.):
            parts.add('clean_head')
        assert {'train/loss_mixer', 'train/gamma'} <= set(logged)
    assert changed == parts


def small_run(cfg: Config, work_dir: Path) -> Config:
    """Two steps of two images each and a validation, without files."""
    cfg.model.backbone.pop('init_cfg', None)
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.experiment_name = work_dir.name
    cfg.default_hooks.checkpoint = None
    cfg.train_cfg.update(max_epochs=1, val_begin=1)
    if isinstance(cfg.param_scheduler, list):
        cfg.param_scheduler = [
            schedule for schedule in cfg.param_scheduler
            if not schedule.get('begin')
        ]
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(
            batch_size=2, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        if dataset.type in ('samix_mm.Digits', 'CustomDataset'):
            dataset.indices = [0, 2, 4, 6]
        if dataset.type in ('samix_mm.TinyImageNet',
                            'samix_mm.INaturalist2017'):
            dataset.check_counts = False
        if dataset.type == 'samix_mm.FewShotFolder':
            dataset.update(samples_per_class=1, indices=4)
        for transform in dataset.pipeline:
            for key in ('scale', 'crop_size'):
                if transform.get(key) in (224, 256):
                    transform[key] -= 160
    if cfg.model.backbone.type == 'SwinTransformer':
        cfg.model.backbone.pad_small_map = True
    return cfg
