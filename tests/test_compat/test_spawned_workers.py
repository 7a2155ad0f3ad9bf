"""Data loaders whose workers are spawned, as on Windows and Python 3.14."""
import sys
import threading
from pathlib import Path

import mmengine.dataset
import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner
from PIL import Image
from torch.utils.data import Dataset

from samix_mm.datasets.seeded import SeededDataset
from tests.helpers.processes import run

CONTEXTS = ('spawn', 'forkserver')


class Numbers(Dataset):
    """Of Python and PyTorch alone, so that workers start fast."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return dict(inputs=torch.full((2, ), index), index=index)


class WithHandle(Numbers):
    """Leaves a lock, which cannot be sent, out of its pickle."""

    def __init__(self):
        self.handle = threading.Lock()

    def __getstate__(self):
        return dict(handle=None)


def loader_of(dataset, context, collate_fn=None, persistent=False, **kwargs):
    if collate_fn is not None:
        kwargs['collate_fn'] = collate_fn
    return Runner.build_dataloader(
        dict(
            dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
            num_workers=2,
            persistent_workers=persistent,
            multiprocessing_context=context,
            **kwargs),
        seed=0)


def indices(loader):
    return torch.cat([torch.as_tensor(batch['index']) for batch in loader])


@pytest.mark.parametrize('context', CONTEXTS)
@pytest.mark.parametrize('collate_fn, persistent', [
    (None, False),
    (dict(type='default_collate'), True),
    (dict(type='pseudo_collate', _scope_='mmpretrain'), False),
    (dict(type='default_collate', _scope_='mmpretrain'), True),
])
def test_a_stock_loader(context, collate_fn, persistent):
    loader = loader_of(Numbers(), context, collate_fn, persistent)
    for _ in range(2 if persistent else 1):
        assert indices(loader).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('context', CONTEXTS)
def test_a_worker_init_fn_that_was_inherited(context, monkeypatch):
    monkeypatch.setitem(FUNCTIONS.module_dict, 'greet', greet)
    loader = loader_of(
        Numbers(), context,
        worker_init_fn=dict(type='greet', name='x', _scope_='mmpretrain'))
    assert indices(loader).tolist() == [0, 1, 2, 3, 4]


def greet(worker_id, name):
    assert name == 'x'


def test_the_functions_of_a_loader_are_mmengines_own():
    for name in ('default_collate', 'pseudo_collate'):
        assert FUNCTIONS.get(name) is getattr(mmengine.dataset, name)


@pytest.mark.parametrize('context', CONTEXTS)
def test_a_seeded_data_set_whose_data_set_leaves_its_handle_here(context):
    loader = loader_of(SeededDataset(WithHandle(), 0, 0), context)
    assert indices(loader).tolist() == [0, 1, 2, 3, 4]


def test_hues_turn_backwards_in_workers_as_well(tmp_path):
    """They import MMPretrain, but nothing of ours."""
    Image.fromarray(
        np.random.default_rng(0).integers(
            0, 256, (4, 4, 3), dtype=np.uint8)).save(tmp_path / 'image.png')
    hues = dict(
        type='mmpretrain.ColorJitter', hue=(-0.5, -0.1), backend='pillow')
    dataset = BaseDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path=''),
        pipeline=[dict(type='LoadImageFromFile'), hues],
        lazy_init=True)
    dataset.data_list = [dict(img_path=str(tmp_path / 'image.png'), index=i)
                         for i in range(2)]
    dataset._fully_initialized = True
    dataset.serialize_data = False
    assert indices(loader_of(dataset, 'spawn')).tolist() == [0, 1]


SCRIPT = '''
import sys
from mmengine.config import Config
from mmengine.runner import Runner

if __name__ == '__main__':
    import samix_mm
    cfg = Config.fromfile(sys.argv[1])
    cfg.work_dir = sys.argv[2]
    cfg.train_cfg.max_epochs = 1
    cfg.train_dataloader.dataset.pipeline.insert(
        0, dict(type='RandomFlip', prob=0.5, direction='horizontal'))
    cfg.train_dataloader.batch_size = 512
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=1, persistent_workers=True,
                      multiprocessing_context='spawn', pin_memory=False)
    cfg.randomness = dict(seed=0)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert type(runner.train_dataloader.dataset).__name__ == 'SeededDataset'
    assert runner.iter == len(runner.train_dataloader)
'''


def test_our_data_sets_and_hooks_in_a_whole_run(tmp_path):
    (tmp_path / 'script.py').write_text(SCRIPT)
    config = Path(__file__).parents[2] / 'configs/samix/samix_digits_r18.py'
    run(sys.executable, 'script.py', config, tmp_path / 'run', cwd=tmp_path)
