import json

import pytest
import torch
from mmengine.hooks import Hook

from tests.helpers.tiny import make_runner

DEFERRED = dict(type='DeferredRuntimeInfoHook')
TIMES = ('time', 'data_time', 'eta')


def hooks(log_interval, **kwargs):
    return dict(
        logger=dict(
            type='LoggerHook', interval=log_interval, ignore_last=False),
        checkpoint=dict(type='CheckpointHook', **kwargs))


def train(folder, interval, deferred, **kwargs):
    default_hooks = hooks(interval, interval=-1)
    if deferred:
        default_hooks['runtime_info'] = dict(DEFERRED)
    runner = make_runner(
        folder, default_hooks=dict(default_hooks, **kwargs), max_epochs=3)
    runner.train()
    return runner


def log_of(folder):
    path, = folder.glob('*/vis_data/scalars.json')
    return [{
        key: value
        for key, value in json.loads(line).items() if key not in TIMES
    } for line in path.read_text().splitlines()]


@pytest.mark.parametrize('interval', [1, 2, 3, 5, 100])
def test_the_log_is_that_of_mmengine(tmp_path, interval):
    stock = train(tmp_path / 'stock', interval, False)
    deferred = train(tmp_path / 'deferred', interval, True)
    assert log_of(tmp_path / 'deferred') == log_of(tmp_path / 'stock')
    scalars = stock.message_hub.log_scalars
    names = [name for name in scalars if 'time' not in name]
    assert 'train/loss_mixer' in names
    for name in names:
        values, counts = scalars[name].data
        other, other_counts = deferred.message_hub.log_scalars[name].data
        assert values.tolist() == other.tolist(), name
        assert counts.tolist() == other_counts.tolist() and len(counts) == 9


class Reads(Hook):
    """Records when numbers of the model are in the log."""

    priority = 'LOWEST'

    def __init__(self):
        self.known = []

    def after_train_iter(self, runner, *args, **kwargs):
        scalars = runner.message_hub.log_scalars
        log = scalars.get('train/loss')
        self.known.append(0 if log is None else len(log.data[0]))


def test_numbers_are_read_when_they_are_logged(tmp_path):
    default_hooks = hooks(2, interval=-1)
    runner = make_runner(
        tmp_path, default_hooks=dict(default_hooks, runtime_info=DEFERRED))
    reads = Reads()
    runner.register_hook(reads)
    runner.train()
    # epochs of three iterations: every second one, and their ends
    assert reads.known == [0, 2, 3, 4, 5, 6]


def test_waiting_numbers_hold_no_graph(tmp_path):
    runner = make_runner(
        tmp_path, default_hooks=dict(runtime_info=dict(DEFERRED)))
    hook, = (hook for hook in runner.hooks
             if type(hook).__name__ == DEFERRED['type'])
    weight = torch.ones((), requires_grad=True)
    hook._interval, runner.train_loop._iter = 100, 0
    hook.after_train_iter(runner, 0, outputs=dict(loss=2 * weight))
    assert not hook._waiting[0]['loss'].requires_grad


def test_a_checkpoint_between_two_logs_has_all_numbers(tmp_path):
    default_hooks = hooks(100, interval=2, by_epoch=False)
    runner = make_runner(
        tmp_path, max_epochs=1,
        default_hooks=dict(default_hooks, runtime_info=DEFERRED))
    runner.train()
    saved = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    log = saved['message_hub']['log_scalars']['train/loss']
    assert log['count'].tolist() == [1, 1]
