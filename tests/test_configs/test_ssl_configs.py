"""Each self-supervised and linear config: what the paper says, and two real
steps on its kind of data, with images of 32 pixels."""
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from samix_mm.models.selfsup.contrastive_losses import ema_momentum
from tests.helpers.configs import FOLDER, configs_of, load, name_of
from tests.helpers.schedules import differs_in_length_only, distinct, shorter

CONFIGS = configs_of('self-supervised')
LINEAR = sorted(FOLDER.glob('linear/*.py'))

# Tables 3 and 4; what pre-training they do not give is said in the configs.
METHODS = ('mocov2', 'mocov2-mixup', 'mocov2-cutmix', 'samix-i', 'samix-c')
#: Alpha is that of the comparison in Sec. 3.1.
MIXING = {
    'mocov2-mixup': dict(type='MixUp', alpha=1.),
    'mocov2-cutmix': dict(type='CutMix', alpha=1.),
    'mocov2-fmix': dict(type='FMix', alpha=1.),
    'mocov2-resizemix': dict(type='ResizeMix'),
    'mocov2-manifoldmix': dict(type='ManifoldMix', alpha=1.),
    'samix-i': dict(type='SAMix'),
    'samix-c': dict(type='SAMix'),
}
NUMBERS = {
    'stl10_r18': (81.50, 84.51, 84.28, 85.44, 85.60),
    'stl10_r18_800e': (85.64, 87.93, 87.60, 88.58, 88.63),
    'stl10_r50': (84.89, 88.24, 87.51, 88.87, 88.91),
    'stl10_r50_800e': (89.68, 92.20, 90.81, 92.41, 92.45),
    'tiny_r18': (38.29, 41.24, 41.62, 41.97, 43.68),
    'tiny_r50': (42.08, 46.61, 46.24, 47.23, 47.51),
    'in1k_r18': (52.85, 53.03, 52.98, 53.75, 53.93),
    'in1k_r50': (67.66, 68.07, 68.28, 68.79, 68.86),
}
PUBLISHED = {
    f'{method}_{setting}': number
    for setting, numbers in NUMBERS.items()
    for method, number in zip(METHODS, numbers)
}
#: ResNet-50s on data for which ResNet-18 is tried; on ImageNet both are.
LARGER = ('samix-c_stl10_r50', 'samix-c_tiny_r50', 'linear_stl10_r50',
          'linear_tiny_r50')
SIZES = dict(stl10=96, tiny=96, in1k=224)


def path_of(name: str) -> Path:
    """The config of that name, wherever it is."""
    path, = FOLDER.glob(f'*/{name}.py')
    return path


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_setting(name):
    path = path_of(name)
    method, data, net = re.match(r'(.*)_(\w+?)_(r\d\d)', name).groups()
    cfg = load(path)
    model = cfg.model
    header = path.read_text()
    epochs = 800 if name.endswith('800e') else 200 if data == 'in1k' else 400

    assert f': {PUBLISHED[name]:.2f} % top-1' in header
    assert f'Table {3 if data == "stl10" else 4}' in header
    assert f'{epochs} epochs' in header
    assert model.backbone.depth == int(net[1:])
    assert model.neck.type == 'MoCoV2Neck'
    assert model.neck.in_channels == (512 if net == 'r18' else 2048)
    assert model.queue_len == (65536 if data == 'in1k' else 16384)
    assert model.head.temperature == 0.2
    assert ema_momentum(model.momentum) == 0.999
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum,
            optimizer.weight_decay) == ('SGD', 0.03, 0.9, 1e-4)
    assert cfg.train_cfg.max_epochs == epochs
    schedule = cfg.param_scheduler
    schedule = schedule[0] if isinstance(schedule, list) else schedule
    assert (schedule.type, schedule.T_max) == ('CosineAnnealingLR', epochs)
    assert cfg.auto_scale_lr.base_batch_size == 256
    assert cfg.train_dataloader.batch_size == 256 // 8
    crop = cfg.view_pipeline[0]
    assert (crop.scale, crop.crop_ratio_range) == (SIZES[data], (0.2, 1.))
    assert [step.type for step in cfg.view_pipeline] == [
        'RandomResizedCrop', 'RandomApply', 'RandomGrayscale', 'GaussianBlur',
        'RandomFlip'
    ]
    if method == 'mocov2':
        assert model.type == 'MoCo'


def test_no_published_config_is_untested():
    numbered = {
        path.stem
        for path in CONFIGS if ' % top-1' in path.read_text()
    }
    assert numbered == set(PUBLISHED)


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if path.parent.name != 'mocov2'],
    ids=name_of)
def test_what_is_mixed(path):
    """With all else as in the MoCo v2 that it is compared with."""
    method, setting = path.stem.split('_', 1)
    cfg, moco = load(path), load(path_of(f'mocov2_{setting}'))
    hooks = [hook.type for hook in cfg.pop('custom_hooks')]
    learns = method.startswith('samix')
    assert ('MaskLossAnnealHook' in hooks) == learns
    assert hooks[0] == 'EMAMomentumHook'
    model = cfg.model
    assert model.pop('type') == ('SAMixMoCo' if learns else 'MixMoCo')
    assert model.pop('mixing') == MIXING[method]
    objective = model.pop('objective', {})
    assert objective.get('type') == (
        'ClusterObjective' if method == 'samix-c' else None)
    assert objective.get('num_clusters', 200) == (40 if '-2k_' in setting
                                                  and objective else 200)
    model.type = 'MoCo'
    assert cfg.to_dict() == moco.to_dict()


@pytest.mark.parametrize(
    'path', [path for path in CONFIGS if shorter(path)], ids=name_of)
def test_longer_schedules_differ_in_nothing_else(path):
    assert differs_in_length_only(path)


def without_network(path: Path) -> dict:
    """All of a config but the shape of its ResNet."""
    cfg = load(path)
    del cfg.model.backbone['depth']
    for part in ('neck', 'head'):
        for size in ('in_channels', 'hid_channels'):
            cfg.model.get(part, {}).pop(size, None)
    return cfg.to_dict()


@pytest.mark.parametrize('name', LARGER)
def test_larger_networks_differ_in_nothing_else(name):
    smaller = path_of(name.replace('r50', 'r18'))
    assert without_network(path_of(name)) == without_network(smaller)


def tried() -> list:
    """All methods on small data, and the one with most parts on all others:
    the tests above find all else to be alike."""
    return [
        path for path in distinct(CONFIGS) if path.stem not in LARGER
        and ('-2k_' in path.stem or path.stem.startswith('samix-c'))
    ]


@pytest.mark.parametrize('path', tried(), ids=name_of)
def test_two_steps_of_pre_training(path, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(data_dir)
    cfg = small_run(load(path), tmp_path)
    if 'objective' in cfg.model:
        cfg.model.objective.num_clusters = 3
    validated = cfg.get('val_cfg') is not None
    if validated:
        cfg.train_cfg.val_interval = 1
        cfg.val_evaluator.k = 2
    runner = Runner.from_cfg(cfg)
    runner.train()

    assert runner.iter == 2
    logged = runner.message_hub.log_scalars
    assert torch.isfinite(torch.tensor(logged['train/loss'].data[0])).all()
    assert ('val/knn/top1' in logged) == validated
    names = {name[6:] for name in logged if 'loss' in name} - {'loss'}
    expected = set()
    if cfg.model.type != 'MoCo':
        expected = {'loss_nce', 'loss_mix'}
    if cfg.model.type == 'SAMixMoCo':
        expected |= {'loss_mixer', 'loss_mask'}
    if 'objective' in cfg.model:
        expected.add('loss_cluster')
        assert {'train/cluster_change', 'train/cluster_min'} <= set(logged)
    assert names == expected


@pytest.mark.parametrize(
    'path', [path for path in LINEAR if path.stem not in LARGER],
    ids=name_of)
def test_two_steps_of_linear_evaluation(path, data_dir, tmp_path,
                                        monkeypatch):
    """On the backbone of the pre-training config of the same setting."""
    monkeypatch.chdir(data_dir)
    setting = path.stem[len('linear_'):]
    source = load(path_of(f'samix-i_{setting}'))
    cfg = small_run(load(path), tmp_path)
    for key, value in source.model.backbone.items():
        assert cfg.model.backbone.get(key, value) == value, key
    checkpoint = tmp_path / 'pretrained.pth'
    build_and_save(source, checkpoint)
    cfg.model.backbone.init_cfg.checkpoint = str(checkpoint)
    cfg.train_cfg.val_interval = 1
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    saved = torch.load(checkpoint)['state_dict']
    for key, value in runner.model.backbone.state_dict().items():
        assert torch.equal(value, saved[f'backbone.{key}']), key
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.lr == (30. if 'in1k' in path.stem else 0.1)
    assert optimizer.weight_decay == 0
    assert cfg.param_scheduler[0].milestones == [30, 60]


def test_the_steps_of_the_appendix_by_a_flag():
    cfg = load(FOLDER / 'linear/linear_stl10_r18.py')
    cfg.merge_from_dict({'param_scheduler.0.milestones': [60, 80]})
    assert cfg.param_scheduler[0].milestones == [60, 80]
    assert cfg.param_scheduler[0].type == 'MultiStepLR'


def build_and_save(cfg: Config, path: Path) -> None:
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), path)


def small_run(cfg: Config, work_dir: Path) -> Config:
    """Two steps of two images each, without files."""
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.experiment_name = work_dir.name
    cfg.default_hooks.checkpoint = None
    cfg.train_cfg.max_epochs = 1
    loaders = [cfg.train_dataloader]
    for name in ('val_dataloader', 'bank_dataloader'):
        if cfg.get(name):
            loaders.append(cfg[name])
    val_cfg = cfg.get('val_cfg') or {}
    if 'bank_dataloader' in val_cfg:
        loaders.append(val_cfg.bank_dataloader)
    for loader in loaders:
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        if dataset.type == 'samix_mm.TinyImageNet':
            dataset.check_counts = False
        if dataset.type == 'samix_mm.FewShotFolder':
            dataset.samples_per_class = 1
        if dataset.type != 'ImageNet':
            dataset.indices = 4
        shrink(dataset.pipeline)
    return cfg


def shrink(pipeline: list) -> None:
    """Let all images have 32 pixels."""
    for transform in pipeline:
        for key in ('scale', 'crop_size'):
            if key in transform:
                transform[key] = 32
        for views in transform.get('transforms', []):
            if isinstance(views, list):
                shrink(views)
