"""Each supervised config: what the paper says, and two real steps on its kind
of data.

The data are a few random images, laid out on disk as the data set is; images
of 224 pixels are made 64. Models are those of the configs, but for the number
of blocks of the deepest.
"""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR100

from tests.helpers.configs import FOLDER, configs_of, header_of, load, name_of
from tests.helpers.schedules import differs_in_length_only, distinct, shorter

CONFIGS = configs_of('supervised')

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
FAST = [path for path in CONFIGS if path.stem.endswith('_fast')]
#: Networks of another depth, for which this one is tried.
DEEPER = dict(
    samix_in1k_r34='samix_in1k_r18', samix_in1k_r101='samix_in1k_r50')
#: Networks and data that are tried, but in others' company.
COMBINED = dict(
    samix_tiny_rx50=('samix_cifar100_rx50', 'samix_tiny_r18'),
    samix_aircraft_rx50=('samix_cub_rx50', 'samix_aircraft_r18'),
    samix_inat2017_rx101=('samix_in1k_rx101_100e', 'samix_inat2017_r50'))
# What A.1.2 says of CIFAR-100, for the yardsticks on CIFAR-10.
MIXING = dict(
    mixup=dict(type='MixUp', alpha=1.),
    cutmix=dict(type='CutMix', alpha=0.2),
    fmix=dict(type='FMix', alpha=0.2),
    resizemix=dict(type='ResizeMix'),
    manifoldmix=dict(type='ManifoldMix', alpha=2.))


def test_all_of_the_papers_supervised_numbers_have_a_config():
    assert len(PUBLISHED) == 23


@pytest.mark.parametrize('path', PUBLISHED, ids=name_of)
def test_published_setting(path):
    match = NAME.match(path.stem)
    expected = SETTINGS[match['data']]
    cfg = load(path)
    model = cfg.model
    kind, depth = NETWORKS[match['net']]
    epochs = int(match['epochs'] or expected['epochs'])

    assert model.type == 'SAMixClassifier'
    assert model.backbone.type.startswith(kind)
    assert model.backbone.depth == depth
    assert model.head.num_classes == expected['classes']
    assert cfg.data_preprocessor.num_classes == expected['classes']
    assert model.mixing.type == 'SAMix'
    assert model.mixing.get('eta', 0.5) == expected['eta']
    assert model.mixing.get('alpha', 2.) == 2.
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.momentum) == ('SGD', 0.9)
    assert optimizer.lr == expected['lr']
    assert optimizer.weight_decay == expected['wd']
    assert cfg.train_cfg.max_epochs == epochs
    assert cfg.param_scheduler.T_max == epochs
    assert cfg.train_dataloader.batch_size == expected['batch']
    assert cfg.auto_scale_lr.base_batch_size == expected['total']
    small = match['data'] in ('cifar100', 'tiny')
    assert model.backbone.type.endswith('_CIFAR') == small
    mixer = model.mixing.get('mixer', {})
    assert mixer.get('dropout', 0.1) == (0. if small else .1)
    if match['data'] in ('cub', 'aircraft'):
        weights = model.backbone.init_cfg.checkpoint
        assert weights.startswith(f'torchvision://{kind.lower()}{depth}')


@pytest.mark.parametrize('path', FAST, ids=name_of)
def test_presets_differ_in_what_they_save(path):
    cfg = load(path)
    assert cfg.model.pop('mix_batch_ratio') == 0.7
    assert cfg.model.mixing.pop('mixer_interval') == 8
    assert cfg.pop('find_unused_parameters') is True
    default = load(path.with_name(path.name.replace('_fast', '')))
    assert cfg.to_dict() == default.to_dict()


@pytest.mark.parametrize('name, other', DEEPER.items())
def test_deeper_networks_differ_in_nothing_else(name, other):
    cfg, other = (load(FOLDER / f'samix/{name}.py') for name in (name, other))
    assert cfg.model.backbone.depth != other.model.backbone.depth
    cfg.model.backbone.depth = other.model.backbone.depth
    assert cfg.to_dict() == other.to_dict()


@pytest.mark.parametrize('name', COMBINED)
def test_a_network_of_one_config_on_the_data_of_another(name):
    cfg, network, data = (
        load(FOLDER / f'samix/{name}.py') for name in (name, *COMBINED[name]))
    assert cfg.model.backbone == network.model.backbone
    assert cfg.model.head.in_channels == network.model.head.in_channels
    cfg.model.backbone = data.model.backbone
    cfg.model.head.in_channels = data.model.head.in_channels
    assert cfg.to_dict() == data.to_dict()


def test_the_folder_of_jpegs_can_be_said_in_one_place(monkeypatch):
    path = FOLDER / 'samix/samix_cifar10-jpeg-1k_r18w16.py'
    for root in ('data/cifar10-jpeg', '/somewhere/jpegs'):
        cfg = Config.fromfile(path)
        for loader in ('train_dataloader', 'val_dataloader',
                       'test_dataloader'):
            assert cfg[loader].dataset.data_root == root
        monkeypatch.setenv('DATA_ROOT', '/somewhere/jpegs')


@pytest.mark.parametrize('path', PUBLISHED, ids=name_of)
def test_header_of_a_published_setting(path):
    header = header_of(path)
    assert re.search(r'^# Table', header)
    assert re.search(r'SAMix: \d\d\.\d\d % top-1', header)


@pytest.mark.parametrize('data', ['cifar10-jpeg-1k_r18w16',
                                  'cifar10-jpeg_r18'])
@pytest.mark.parametrize('method', MIXING)
def test_compared_methods(method, data):
    """Mixed images alone, as published; or clean ones as well, as in SAMix,
    with all else the same."""
    vanilla = load(FOLDER / f'vanilla/vanilla_{data}.py')
    for suffix in ('', '_clean'):
        cfg = load(FOLDER / method / f'{method}_{data}{suffix}.py')
        model = cfg.model
        assert model.pop('type') == 'MixClassifier'
        assert model.pop('mixing') == MIXING[method]
        momentum = load(FOLDER / f'samix/samix_{data}.py').model.get(
            'momentum')
        extra = dict(clean_weight=1., momentum_net=True, momentum=momentum)
        for key, value in extra.items():
            assert model.pop(key, None) == (value if suffix else None)
        hooks = cfg.pop('custom_hooks', [])
        assert hooks == ([dict(type='EMAMomentumHook')] if suffix else [])
        model.type = 'ImageClassifier'
        assert cfg.to_dict() == vanilla.to_dict()


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if shorter(path)], ids=name_of)
def test_longer_schedules_differ_in_nothing_else(path):
    assert differs_in_length_only(path)


def tried() -> list:
    """One config of those that the tests above find to be alike."""
    return [
        path for path in distinct(CONFIGS)
        if path.stem not in {*DEEPER, *COMBINED} and path not in FAST[1:]
        and not (
            path.parent.name in MIXING and '-jpeg_r18' in path.stem)
    ]


@pytest.mark.parametrize('path', tried(), ids=name_of)
def test_two_steps(path, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(data_dir)
    monkeypatch.setattr(CIFAR100, '_check_integrity', lambda self: True)
    cfg = small_run(load(path), tmp_path)
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
    parts, losses = {'backbone', 'head'}, {'loss_mix'}
    if cfg.model.type == 'SAMixClassifier':
        parts.add('mixing')
        losses |= {'loss_mixer', 'loss_mask'}
        assert 'train/gamma' in logged
    if cfg.model.type == 'SAMixClassifier' or path.stem.endswith('_clean'):
        parts |= {'momentum_net', 'clean_head'}
        losses.add('loss_clean')
    assert changed == parts
    if path.parent.name != 'vanilla':
        assert losses == {
            name.split('/')[1]
            for name in logged if name.startswith('train/loss_')
        }
    if path in PUBLISHED:
        check_learning_rates(runner, SETTINGS[NAME.match(path.stem)['data']])


def check_learning_rates(runner: Runner, expected: dict) -> None:
    """The optimizer gives the Mixer a rate of its own, all else the same."""
    rates = {
        param: group['initial_lr']
        for group in runner.optim_wrapper.param_groups
        for param in group['params']
    }
    for name, param in runner.model.named_parameters():
        if param.requires_grad:
            lr = 'mixer_lr' if name.startswith('mixing.mixer.') else 'lr'
            assert rates.pop(param) == pytest.approx(expected[lr]), name
    assert not any(param.requires_grad for param in rates)


def small_run(cfg: Config, work_dir: Path) -> Config:
    """Two steps of two images each and a validation, without files."""
    cfg.model.backbone.pop('init_cfg', None)
    if cfg.model.backbone.get('depth') == 101:
        cfg.model.backbone.depth = 50
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
                if transform.get(key) in (64, 224, 256):
                    transform[key] -= 32 if transform[key] == 64 else 160
    if cfg.model.backbone.type == 'SwinTransformer':
        cfg.model.backbone.pad_small_map = True
    return cfg
