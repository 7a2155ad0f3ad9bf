"""A run that was stopped and resumed ends where a run in one go ends."""
import pytest
import torch
from mmengine.hooks import Hook

from tests.helpers.tiny import (Recorder, loader, make_runner, model_cfg,
                                network_state)

ITERS = 3  # an epoch
SCALARS = ('train/momentum', 'train/mask_weight', 'train/lr', 'train/loss')


class Stopped(Exception):
    """What a user's Ctrl-C is to a run."""


class StopHook(Hook):
    """Ends a run when its second epoch has been saved."""

    def before_train_epoch(self, runner):
        if runner.epoch == 2:
            raise Stopped


def run(work_dir, hooks=(), **kwargs):
    """4 epochs, shuffled by the epoch's number, without dropout."""
    runner = make_runner(
        work_dir,
        model=model_cfg(
            mixing=dict(
                type='SAMix',
                mixer=dict(type='Mixer', dropout=0.),
                lam_per_sample=kwargs.pop('lam_per_sample', False)),
            momentum=0.9),
        max_epochs=4,
        dataloader=loader(shuffle=True),
        param_scheduler=dict(type='MultiStepLR', milestones=[1, 3]),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1)),
        **kwargs)
    recorder = Recorder()
    for hook in (recorder, *hooks):
        runner.register_hook(hook)
    try:
        runner.train()
    except Stopped:
        assert runner.epoch == 2
    return runner, recorder


@pytest.fixture(scope='module', params=[False, True], ids=['one', 'each'])
def runs(request, tmp_path_factory):
    """In one go; resumed."""
    folder = tmp_path_factory.mktemp('resume')
    kwargs = dict(lam_per_sample=request.param)
    whole = run(folder / 'whole', **kwargs)
    first = run(folder / 'stopped', hooks=[StopHook()], **kwargs)
    assert len(first[1].online) == 2 * ITERS
    # other weights and another random state, which must not matter
    resumed = run(folder / 'stopped', seed=17, resume=True, **kwargs)
    assert len(resumed[1].online) == 2 * ITERS
    return whole, resumed


def test_same_weights_of_all_networks(runs):
    (whole, _), (resumed, _) = runs
    state, other = network_state(whole.model), network_state(resumed.model)
    assert state.keys() == other.keys()
    for key in state:
        torch.testing.assert_close(
            state[key], other[key], rtol=0, atol=1e-6,
            msg=lambda m, key=key: f'{key}: {m}')


def test_same_ratios_and_partners(runs):
    (_, whole), (_, resumed) = runs
    expected = whole.pairings[2 * 2 * ITERS:]  # two a step
    assert len(resumed.pairings) == len(expected) == 12
    for pair, other in zip(resumed.pairings, expected):
        assert torch.equal(
            torch.as_tensor(pair.lam), torch.as_tensor(other.lam))
        assert torch.equal(pair.index, other.index)


@pytest.mark.parametrize('name', SCALARS)
def test_same_schedules_and_log(runs, name):
    logs = [
        runner.message_hub.get_scalar(name).data[0].tolist()
        for runner, _ in runs
    ]
    assert len(logs[0]) == 4 * ITERS
    assert logs[1] == pytest.approx(logs[0], rel=1e-6, abs=1e-9)
    assert len(set(logs[0])) > 1


def test_the_momentum_network_is_not_a_copy_of_the_online_one(runs):
    """Or the first test would say nothing about it."""
    model = runs[0][0].model
    differences = [
        (param - model.get_parameter(key)).abs().max().item()
        for key, param in model.momentum_net.named_parameters()
    ]
    assert max(differences) > 1e-3
