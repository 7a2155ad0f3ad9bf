"""With the default hooks, validation and ``save_best`` on and without a fixed
seed: a run that is resumed from any file which an uninterrupted one has
written ends with the same weights, after as many iterations."""
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.registry import METRICS
from torch.utils.data import DataLoader

from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import TinyImages, make_runner, model_cfg
from tests.test_engine.test_hooks.test_exact_resume_hook import Shaky

ROOT = Path(__file__).parents[1]
PREPROCESSOR = dict(mean=[120.] * 3, std=[60.] * 3)
NUM_IMAGES, BATCH_SIZE = 14, 3  # 5 batches, or 4 and two images left over
EPOCHS = 3
SGD = dict(type='SGD', lr=0.02, momentum=0.9)
COSINE = dict(type='CosineAnnealingLR', T_max=15, by_epoch=False)

BY_EPOCH = dict(by_epoch=True, max_epochs=EPOCHS)
BY_ITER = dict(by_epoch=False, max_iters=13)
#: Loop, checkpoint hook, sampler.
SCHEMES = dict(
    epochs=(dict(BY_EPOCH, val_interval=1), dict(interval=1),
            'DefaultSampler'),
    val_each_second_epoch=(dict(BY_EPOCH, val_interval=2), dict(interval=1),
                           'DefaultSampler'),
    saved_within_epochs=(dict(BY_EPOCH, val_interval=1),
                         dict(by_epoch=False, interval=3), 'DefaultSampler'),
    repeated=(dict(BY_EPOCH, val_interval=1),
              dict(by_epoch=False, interval=3), 'RepeatAugSampler'),
    iterations=(dict(BY_ITER, val_interval=4),
                dict(by_epoch=False, interval=3), 'DefaultSampler'),
    infinite=(dict(BY_ITER, val_interval=4),
              dict(by_epoch=False, interval=3), 'InfiniteSampler'))


@METRICS.register_module()
class LaterIsBetter(BaseMetric):
    """Each validation is a new best."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        hub = MessageHub.get_current_instance()
        return dict(accuracy=float(hub.get_info('iter')))


class KeepAll(Hook):
    """Copies each file that a run writes, overwritten ones as well."""

    def __init__(self, folder):
        self.folder = folder
        self.copies = []

    def before_train(self, runner):
        save = runner.save_checkpoint

        def save_and_copy(out_dir, filename, *args, **kwargs):
            save(out_dir, filename, *args, **kwargs)
            copy = self.folder / f'{len(self.copies):02}_{filename}'
            shutil.copy(Path(out_dir, filename), copy)
            self.copies.append(copy)

        runner.save_checkpoint = save_and_copy

    def last_at(self, iteration):
        return [
            copy for copy in self.copies
            if copy.name[3:] == f'iter_{iteration}.pth'
        ][-1]


class Trained(Hook):
    """Remembers which iterations were trained."""

    def __init__(self):
        self.iters = []

    def after_train_iter(self, runner, *args, **kwargs):
        self.iters.append(runner.iter)


def default_hooks(checkpoint):
    cfg = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py')
    hooks = cfg.default_hooks.to_dict()
    hooks['checkpoint'].update(checkpoint)
    assert hooks['checkpoint']['save_best'] == 'auto'
    return hooks


def train(folder, scheme, workers=0, drop_last=False, resume_from=None,
          hooks=(), optimizer=SGD, **kwargs):
    loop, checkpoint, sampler = SCHEMES[scheme]
    loader = dict(
        batch_size=BATCH_SIZE,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=dict(type='default_collate'))
    cfg = dict(
        model=dict(model_cfg(), data_preprocessor=PREPROCESSOR),
        dataloader=dict(
            loader,
            dataset=Shaky(TinyImages(NUM_IMAGES)),
            sampler=dict(type=sampler, shuffle=True),
            drop_last=drop_last),
        val_dataloader=dict(
            loader,
            dataset=TinyImages(4),
            sampler=dict(type='DefaultSampler', shuffle=False)),
        val_evaluator=dict(type='LaterIsBetter'),
        val_cfg=dict(),
        train_cfg=dict(loop),
        optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer),
        param_scheduler=COSINE,
        default_hooks=default_hooks(checkpoint),
        randomness=dict(seed=None))
    cfg.update(kwargs)
    runner = make_runner(
        folder,
        load_from=resume_from and str(resume_from),
        resume=resume_from is not None,
        **cfg)
    trained = Trained()
    for hook in (trained, *hooks):
        runner.register_hook(hook, priority='LOWEST')
    runner.train()
    end_workers(runner)
    return runner, trained.iters


def end_workers(runner):
    """Those of a runner in a cycle that is collected are waited for in vain,
    5 seconds each: their queues are closed first."""
    runner.train_loop.dataloader_iterator = None
    for loader in (runner.train_dataloader, runner.val_dataloader):
        loader._iterator = None


def state_of(runner):
    """All that the next iteration depends on."""
    optimizer = runner.optim_wrapper.optimizer.state_dict()
    buffers = {
        f'optimizer.{number}.{name}': value
        for number, state in optimizer['state'].items()
        for name, value in state.items() if torch.is_tensor(value)
    }
    schedulers = [
        scheduler.state_dict() for scheduler in runner.param_schedulers or []
    ]
    return dict(runner.model.state_dict(), **buffers), schedulers


def assert_same_end(runner, other):
    (state, schedules), (found, other_schedules) = map(
        state_of, (runner, other))
    assert state.keys() == found.keys()
    for key, value in state.items():
        assert torch.equal(value, found[key]), key
    assert schedules == other_schedules
    assert (runner.epoch, runner.iter) == (other.epoch, other.iter)


def check_files(tmp_path, scheme, skip_best, every=1, **kwargs):
    kept = KeepAll(tmp_path)
    whole, iters = train(
        tmp_path / 'whole', scheme, hooks=[kept], **kwargs)
    total = whole.max_iters
    assert iters == list(range(total))
    assert any(copy.stem.startswith('best', 3) for copy in kept.copies)
    copies = [
        copy for copy in kept.copies
        if not (skip_best and copy.stem.startswith('best', 3))
    ]
    for number, copy in enumerate(copies[::every]):
        torch.manual_seed(99)
        np.random.seed(99)
        resumed, more = train(
            tmp_path / f'resumed_{number}', scheme, resume_from=copy,
            **kwargs)
        first = torch.load(copy, weights_only=True)['meta']['iter']
        assert more == list(range(first, total)), copy.name
        assert_same_end(resumed, whole)
    return copies


@pytest.mark.parametrize('scheme', SCHEMES)
def test_from_each_file(tmp_path, scheme):
    copies = check_files(tmp_path, scheme, skip_best=True)
    # Some are written once more, when the validation was the best.
    assert len(copies) > len({copy.name[3:] for copy in copies})


@pytest.mark.parametrize(
    'scheme', ['epochs', 'saved_within_epochs', 'iterations', 'infinite'])
def test_with_workers_and_without_left_over_images(tmp_path, scheme):
    check_files(
        tmp_path, scheme, skip_best=True, every=3, workers=2, drop_last=True)


@pytest.mark.parametrize('scheme', ['epochs', 'iterations'])
def test_from_the_best_too_if_the_optimizer_has_no_state(tmp_path, scheme):
    """MMEngine saves neither optimizer nor schedules with the best."""
    check_files(
        tmp_path, scheme, skip_best=False, every=2,
        optimizer=dict(type='SGD', lr=0.02), param_scheduler=None)


def test_shuffled_by_pytorch(tmp_path):
    """Its sampler draws the order from the global generator."""
    dataset = Shaky(TinyImages(NUM_IMAGES))

    def loader():
        return DataLoader(
            dataset, BATCH_SIZE, shuffle=True, collate_fn=pseudo_collate)

    kept = KeepAll(tmp_path)
    whole, _ = train(
        tmp_path / 'whole', 'saved_within_epochs', hooks=[kept],
        dataloader=loader())
    for iteration in (3, 10):
        resumed, _ = train(
            tmp_path / f'resumed_{iteration}', 'saved_within_epochs',
            resume_from=kept.last_at(iteration), dataloader=loader())
        assert_same_end(resumed, whole)


def test_whatever_the_number_of_workers_with_an_infinite_sampler(tmp_path):
    """Workers fetch ahead when MMEngine builds the loop."""
    kept = KeepAll(tmp_path)
    whole, _ = train(tmp_path / 'whole', 'infinite', hooks=[kept])
    resumed, _ = train(
        tmp_path / 'resumed', 'infinite', workers=2,
        resume_from=kept.last_at(3))
    assert_same_end(resumed, whole)


def test_between_two_optimizer_steps(tmp_path):
    kept = KeepAll(tmp_path)
    steps = dict(optimizer=SGD, accumulative_counts=4)
    whole, _ = train(
        tmp_path / 'whole', 'saved_within_epochs', hooks=[kept],
        optim_wrapper=steps)
    for iteration in (3, 9, 12):
        resumed, _ = train(
            tmp_path / f'resumed_{iteration}', 'saved_within_epochs',
            resume_from=kept.last_at(iteration), optim_wrapper=steps)
        assert_same_end(resumed, whole)


def _train_in_a_group(rank, folder, name, resume_from):
    os.environ['LOCAL_RANK'] = str(rank)
    kept = KeepAll(Path(folder))
    runner, iters = train(
        Path(folder) / name, 'saved_within_epochs',
        hooks=[] if rank else [kept], resume_from=resume_from, drop_last=True,
        randomness=dict(seed=None, diff_rank_seed=True), launcher='pytorch')
    assert iters[-1] + 1 == runner.max_iters
    state, _ = state_of(runner)
    order = [[place.index for place in batch]
             for batch in runner.train_dataloader.batch_sampler]
    torch.save((state, order, runner.seed), f'{folder}/{name}_{rank}')


def test_two_processes_with_seeds_of_their_own(tmp_path):
    for name, resume_from in (('whole', None),
                              ('resumed', tmp_path / '01_iter_3.pth')):
        (tmp_path / 'group').unlink(missing_ok=True)
        with gloo_processes(_train_in_a_group, tmp_path, name, resume_from):
            pass
    for rank in range(2):
        (state, order, seed), (found, other, drawn) = (
            torch.load(tmp_path / f'{name}_{rank}')
            for name in ('whole', 'resumed'))
        assert seed == drawn and order == other
        for key, value in state.items():
            # A checkpoint has the running statistics of the first process.
            if rank == 0 or 'running' not in key:
                assert torch.equal(value, found[key]), key
