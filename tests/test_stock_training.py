"""Importing the package does not change a training that has nothing of it."""
import json
import sys

import pytest

from tests.helpers.processes import run

SCRIPT = '''
import hashlib
import json
import os
import sys

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

BASE = """
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/schedules/cifar10_bs128.py',
    'mmpretrain::_base_/default_runtime.py',
]
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomCrop', crop_size=16, padding=2),
    dict(type='ColorJitter', brightness=0.4, hue=(0., 0.2), backend='pillow'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
data_preprocessor = dict(num_classes=2)
train_dataloader = dict(
    batch_size=4,
    num_workers=WORKERS,
    dataset=dict(type='CustomDataset', data_root='images', pipeline=pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'))
val_dataloader = dict(train_dataloader, sampler=dict(
    type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, ))
test_evaluator = val_evaluator
model = dict(
    backbone=dict(base_channels=4, stem_channels=4),
    head=dict(num_classes=2, in_channels=32),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8),
                             dict(type='CutMix', alpha=1.0)]))
train_cfg = dict(max_epochs=2)
default_hooks = dict(checkpoint=dict(save_best='auto'))
randomness = dict(seed=0)
"""


def digest(value):
    found = hashlib.sha256()
    for name in sorted(value):
        found.update(name.encode())
        found.update(value[name].numpy().tobytes())
    return found.hexdigest()


def train(workers):
    with open('config.py', 'w') as file:
        file.write(BASE.replace('WORKERS', str(workers)))
    cfg = Config.fromfile('config.py')
    cfg.work_dir = f'run_{workers}'
    cfg.experiment_name = f'run_{workers}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    log = {name: value.data[0].tolist()
           for name, value in runner.message_hub.log_scalars.items()
           if 'time' not in name}
    return [digest(runner.model.state_dict()), log]


if __name__ == '__main__':
    if sys.argv[1] == 'with':
        import samix_mm
    rng = np.random.default_rng(0)
    for label in 'ab':
        os.makedirs(f'images/{label}', exist_ok=True)
        for number in range(6):
            Image.fromarray(rng.integers(
                0, 256, (16, 16, 3), dtype=np.uint8)).save(
                    f'images/{label}/{number}.png')
    results = [train(0), train(2)]
    assert ('samix_mm' in sys.modules) == (sys.argv[1] == 'with')
    with open('results.json', 'w') as file:
        json.dump(results, file)
'''


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    found = {}
    for kind in ('with', 'without'):
        folder = tmp_path_factory.mktemp(kind)
        (folder / 'script.py').write_text(SCRIPT)
        run(sys.executable, 'script.py', kind, cwd=folder)
        found[kind] = json.loads((folder / 'results.json').read_text())
    return found


@pytest.mark.parametrize('case', [0, 1], ids=['no worker', 'two workers'])
def test_weights_and_log_are_the_same_bit_for_bit(results, case):
    weights, log = results['without'][case]
    assert set(log) == {'train/lr', 'train/loss', 'val/accuracy/top1'}
    assert results['with'][case] == [weights, log]
