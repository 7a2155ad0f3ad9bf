"""Runs without anything of this package but its import resume themselves."""
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from samix_mm.checkpoints.loading import load_checkpoint
from samix_mm.checkpoints.readers import damage_of
from tests.helpers.tiny import RUNS

SCHEDULERS = [
    dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=3),
    dict(type='MultiStepLR', milestones=[1, 2]),
    dict(type='CosineAnnealingLR', T_max=3),
    dict(type='ReduceOnPlateauLR', monitor='accuracy'),
    dict(type='OneCycleLR', eta_max=0.1, total_steps=20, by_epoch=False),
    dict(type='StepLR', step_size=2),
    dict(type='PolyLR', eta_min=0.),
    dict(type='ExponentialLR', gamma=0.9),
    dict(type='CosineRestartLR', periods=[2], eta_min=0.),
]


class Stock(BaseModel):

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, inputs, data_samples=None, mode='loss'):
        outputs = self.linear(torch.stack(inputs))
        if mode == 'loss':
            return dict(loss=outputs.pow(2).mean())
        return list(outputs)


class Points(Dataset):
    metainfo = ConfigDict(
        classes=('a', 'b'), palette=dict(a=[1]), name=np.str_('points'))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(inputs=torch.ones(2) * index)


class Score(BaseMetric):

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(accuracy=np.float64(0.5), other=np.float32(3))


def loader():
    return dict(
        dataset=Points(), batch_size=2, num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True))


def train(work_dir, max_epochs, **kwargs):
    cfg = dict(
        model=Stock(),
        work_dir=str(work_dir),
        train_dataloader=loader(),
        val_dataloader=loader(),
        val_evaluator=Evaluator([Score()]),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=[dict(scheduler) for scheduler in SCHEDULERS],
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', save_best='accuracy', interval=1)),
        custom_hooks=[dict(type='EMAHook')],
        randomness=dict(seed=0),
        experiment_name=f'stock_{next(RUNS)}',
        log_level='ERROR')
    cfg.update(kwargs)
    runner = Runner(**cfg)
    runner.train()
    return runner


@pytest.mark.parametrize('resume_from', [None, 'epoch_2.pth',
                                         'best_accuracy_epoch_1.pth'])
def test_a_stock_run_resumes_its_own_file(tmp_path, resume_from):
    first = train(tmp_path, 2)
    assert type(first.hooks[-1]) is CheckpointHook or any(
        type(hook) is CheckpointHook for hook in first.hooks)
    path = tmp_path / (resume_from or 'epoch_2.pth')
    data = path.read_bytes()
    assert b'history_buffer' in data
    assert b'multiarray' in data
    assert damage_of(str(path)) is None
    resumed = train(
        tmp_path, 3, resume=True,
        load_from=resume_from and str(tmp_path / resume_from))
    assert resumed.epoch == 3
    assert resumed.iter == 12
    hub: MessageHub = resumed.message_hub
    assert len(hub.get_scalar('train/loss').data[0]) == 12
    assert hub.get_info('best_score') == 0.5


@pytest.mark.parametrize('zipped', [True, False])
def test_what_it_wrote_comes_back_as_it_was(tmp_path, zipped):
    train(tmp_path, 1)
    path = tmp_path / 'epoch_1.pth'
    expected = torch.load(path, weights_only=False)
    torch.save(expected, path, _use_new_zipfile_serialization=zipped)
    loaded = load_checkpoint(path, 'cpu')
    for forbidden in (expected['meta'], expected['message_hub'][
            'runtime_info']):
        forbidden.pop('cfg', None)  # run by MMEngine; left out
    expected['message_hub']['runtime_info'].pop('last_ckpt', None)
    assert_same(loaded, expected)


def assert_same(left, right):
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right):
            assert_same(one, other)
    elif isinstance(left, HistoryBuffer):
        for one, other in zip(left.data, right.data):
            np.testing.assert_array_equal(one, other)
    else:
        assert left == right
