"""Runs in which losses are finite, but not their gradients: nothing of such a
step is left behind, and checkpoints stay good."""
import logging

import pytest
import torch
from mmengine.hooks import Hook

from tests.helpers.overflow import LeaveOutHook, OverflowHook, assert_finite
from tests.helpers.tiny import (assert_same, loader, make_runner, model_cfg,
                                network_state)

ITERS = 3  # an epoch
HOOKS = dict(
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    checkpoint=dict(
        type='SafeCheckpointHook', interval=1, save_best='auto',
        max_keep_ckpts=2),
    exact_resume=dict(type='ExactResumeHook'),
    plain_checkpoint=dict(type='PlainCheckpointHook'))
STOCK = dict(
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2))
PREPROCESSOR = dict(mean=[127., 120., 110.], std=[60., 50., 40.])


def runner_of(work_dir, *hooks, max_epochs=3, max_skipped=10, **kwargs):
    """A run of 3 epochs, with everything that the configs switch on."""
    kwargs.setdefault('default_hooks', HOOKS)
    runner = make_runner(
        work_dir,
        model=dict(
            model_cfg(
                mixing=dict(
                    type='SAMix', mixer=dict(type='Mixer', dropout=0.)),
                momentum=0.9),
            data_preprocessor=PREPROCESSOR),
        hooks=[
            dict(type='EMAMomentumHook'),
            dict(type='SkippedStepHook', max_skipped=max_skipped)
        ],
        max_epochs=max_epochs,
        val_dataloader=loader(),
        val_cfg=dict(),
        val_evaluator=dict(type='Accuracy'),
        **kwargs)
    for hook in hooks:
        runner.register_hook(hook)
    return runner


def saved(work_dir):
    """The state dicts of all checkpoints in a folder, by name."""
    return {
        path.name: torch.load(path, weights_only=True)['state_dict']
        for path in work_dir.glob('*.pth')
    }


def warnings_of(runner, caplog):
    runner.logger.addHandler(caplog.handler)
    runner.logger.setLevel(logging.WARNING)
    return caplog


@pytest.mark.parametrize('wrapper', [{}, dict(clip_grad=dict(max_norm=1.))])
def test_once(tmp_path, caplog, wrapper):
    """The run ends as one in which that step was left out."""
    wrapper = dict(
        wrapper, optimizer=dict(type='Adam', lr=0.01, weight_decay=0.1))
    states = []
    for name, hook in (('overflow', OverflowHook([4])),
                       ('left_out', LeaveOutHook([4]))):
        runner = runner_of(
            tmp_path / name, hook, optim_wrapper=dict(wrapper))
        warnings_of(runner, caplog)
        runner.train()
        assert runner.iter == 3 * ITERS
        state = network_state(runner.model)
        states.append({
            key: value for key, value in state.items() if 'gamma' not in key
        })
        for number, entry in runner.optim_wrapper.state_dict()['state'].items(
        ):
            states[-1].update(
                {f'{number}.{key}': value for key, value in entry.items()})
    assert_finite(states[0])
    assert_same(*states, rtol=0, atol=0)
    message = next(text for text in caplog.messages if 'not finite' in text)
    assert 'at iteration 4' in message and 'the step is skipped' in message
    # The parameters nearest to the loss are named.
    assert 'gradients of head.fc.bias, head.fc.weight' in message


@pytest.mark.parametrize('hooks', [HOOKS, STOCK], ids=['safe', 'stock'])
def test_for_ever(tmp_path, hooks):
    """Training stops, and the checkpoints on the disk are good ones."""
    runner = runner_of(
        tmp_path, OverflowHook(range(4, 100)), max_epochs=10, max_skipped=8,
        default_hooks=hooks)
    with pytest.raises(
            FloatingPointError,
            match='iteration 12: the gradients of head.fc.bias.* after 8 '
            'skipped steps in a row'):
        runner.train()
    checkpoints = saved(tmp_path)
    for state in checkpoints.values():
        assert_finite(state)
    if hooks is HOOKS:
        numbered = [name for name in checkpoints if name[:6] == 'epoch_']
        assert numbered == ['epoch_1.pth']
        assert (tmp_path / 'last_checkpoint').read_text().endswith(
            'epoch_1.pth')


@pytest.mark.parametrize('last', [1, 2])
def test_at_the_end(tmp_path, last):
    bad = range(3 * ITERS - last, 3 * ITERS)
    runner = runner_of(tmp_path, OverflowHook(bad))
    with pytest.raises(
            FloatingPointError,
            match=f'ended without .* its last {last} iterations: not finite '
            'at iteration 8: the gradients of head.fc.bias'):
        runner.train()
    checkpoints = saved(tmp_path)
    assert {'epoch_1.pth', 'epoch_2.pth'} <= set(checkpoints)
    assert 'epoch_3.pth' not in checkpoints
    # The weights are all right: the last epoch can be trained again.
    resumed = runner_of(tmp_path, resume=True)
    resumed.train()
    assert resumed.iter == 3 * ITERS
    assert_finite(network_state(resumed.model))


class DamageHook(Hook):
    """Makes a weight NaN in the last step of the second epoch."""

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 2 * ITERS - 1:
            runner.model.backbone.conv1.weight.data[0] = float('nan')


def test_resuming_from_weights_that_are_not_finite(tmp_path):
    """As saved by an older version, or by another program."""
    runner_of(tmp_path, max_epochs=1).train()
    path = tmp_path / 'epoch_1.pth'
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['state_dict']['backbone.conv1.weight'][0] = float('nan')
    torch.save(checkpoint, path)
    with pytest.raises(
            FloatingPointError,
            match=r'not finite at the start of training '
            r'\(backbone.conv1.weight\); start from another checkpoint'):
        runner_of(tmp_path, resume=True).train()


@pytest.mark.parametrize('hooks', [HOOKS, STOCK], ids=['safe', 'stock'])
def test_weights_that_are_not_finite_are_not_saved(tmp_path, hooks):
    """A step of the optimizer itself may overflow."""
    with pytest.raises(
            FloatingPointError,
            match='after 6 iterations .*this checkpoint is not saved'):
        runner_of(tmp_path, DamageHook(), default_hooks=hooks).train()
    assert 'epoch_1.pth' in saved(tmp_path)
    for state in saved(tmp_path).values():
        assert_finite(state)
