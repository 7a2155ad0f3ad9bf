"""Finite losses with gradients that are not: the step leaves nothing behind.

In runs with the hooks of all configs, whose checkpoints stay good.
"""
import logging

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from tests.helpers.overflow import (LeaveOutHook, OverflowHook, Scaler,
                                    overflow_in)
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import (assert_same, batch, build, loader, make_runner,
                                model_cfg, network_state, sgd)
from tests.helpers.tiny_ssl import build_moco, views

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
            model_cfg(mixer=dict(type='Mixer', dropout=0.), momentum=0.9),
            data_preprocessor=PREPROCESSOR),
        hooks=[dict(type='EMAMomentumHook', max_skipped=max_skipped)],
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


def assert_finite(state):
    for key, value in state.items():
        assert torch.as_tensor(value).isfinite().all(), key


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


@pytest.mark.parametrize('variant', ['infonce', 'cluster'])
def test_queue_and_clusters_stay(variant):
    model = build_moco(variant=variant, num_clusters=3).train()
    inputs, samples = views()
    data = dict(inputs=inputs, data_samples=samples)
    optim_wrapper = sgd(model)
    model.train_step(data, optim_wrapper)
    model.mixer.project_gamma()
    before = network_state(model)
    bad = [True]
    overflow_in(model.neck, lambda: False)
    overflow_in(model.neck.mlp, lambda: bad[0])
    log_vars = model.train_step(data, optim_wrapper)
    assert model.skipped_steps == 1 and log_vars['loss'].isfinite()
    after = network_state(model)
    before.pop('pairs._extra_state')
    after.pop('pairs._extra_state')
    assert_same(before, after, rtol=0, atol=0)
    bad[0] = False
    log_vars = model.train_step(data, optim_wrapper)
    assert model.skipped_steps == 0
    assert not torch.equal(before['queue'], model.queue)
    assert ('cluster_change' in log_vars) == (variant == 'cluster')


def with_overflow(bad_calls, optim_wrapper_of, num_steps):
    """Train a classifier; in which steps the weights moved, and the counts
    of skipped steps."""
    model, (inputs, _, samples) = build().train(), batch(4)
    calls = []
    overflow_in(model.head.fc, lambda: calls[-1] in bad_calls)
    optim_wrapper = optim_wrapper_of(model)
    moved, skipped = [], []
    for number in range(num_steps):
        calls.append(number)
        before = model.head.fc.weight.detach().clone()
        model.train_step(
            dict(inputs=inputs, data_samples=samples), optim_wrapper)
        if not torch.equal(before, model.head.fc.weight):
            moved.append(number)
        skipped.append(model.skipped_steps)
    assert_finite(network_state(model))
    return moved, skipped


def test_gradients_are_accumulated_anew():
    """A bad one drops those before it, and does not reach those after it."""

    def accumulating(model):
        optim_wrapper = OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=3)
        optim_wrapper.initialize_count_status(model, 0, 9)
        return optim_wrapper

    assert with_overflow([1], accumulating, 9) == ([2, 5, 8],
                                                   [0, 1, 0, 0, 0, 0, 0, 0, 0])
    # Without any step of the optimizer the skipped ones add up.
    assert with_overflow([2, 5, 8], accumulating,
                         9) == ([], [0, 0, 1, 1, 1, 2, 2, 2, 3])


class ScalingWrapper(OptimWrapper):
    """Scales losses as MMEngine's AmpOptimWrapper does, which wants a GPU."""

    def __init__(self, model, scaler, **kwargs):
        super().__init__(torch.optim.SGD(model.parameters(), lr=0.1), **kwargs)
        self.loss_scaler = scaler

    def backward(self, loss, **kwargs):
        super().backward(self.loss_scaler.scale(loss), **kwargs)

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer)


def test_a_loss_scaler_finds_its_scale():
    """Its overflows are no failures, until they cannot be its scale's."""
    scaler = Scaler(16.)
    moved, skipped = with_overflow(
        range(1, 8), lambda model: ScalingWrapper(model, scaler), 9)
    assert moved == [0, 8] and scaler.get_scale() == 2**-3
    assert skipped == [0, 0, 0, 0, 0, 1, 2, 3, 0]
    scaler = Scaler(16., fixed=True)
    moved, skipped = with_overflow(
        range(1, 4), lambda model: ScalingWrapper(model, scaler), 5)
    assert moved == [0, 4] and skipped == [0, 1, 2, 3, 0]


def test_a_loss_scaler_sees_the_overflow_of_any_accumulated_gradient():
    scaler = Scaler(16.)

    def accumulating(model):
        optim_wrapper = ScalingWrapper(model, scaler, accumulative_counts=2)
        optim_wrapper.initialize_count_status(model, 0, 4)
        return optim_wrapper

    assert with_overflow([0], accumulating, 4) == ([3], [0] * 4)
    assert scaler.get_scale() == 8.


def train_with_an_overflow(rank, folder):
    torch.manual_seed(0)
    model = build().train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    optim_wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    optim_wrapper.initialize_count_status(model, 0, 8)
    inputs, _, samples = batch(4, seed=rank)
    data = dict(inputs=inputs, data_samples=samples)
    calls = []
    # DDP reduces the gradients of number 3, but not those of number 4.
    overflow_in(model.head.fc, lambda: rank == 1 and calls[-1] in (3, 4))
    seen = []
    for number in range(8):
        calls.append(number)
        weight = model.head.fc.weight.detach().clone()
        model.guarded_step(wrapped, data, optim_wrapper)
        seen.append((model.skipped_steps,
                     not torch.equal(weight, model.head.fc.weight)))
    assert seen == [(0, False), (0, True), (0, False), (1, False),
                    (2, False), (0, True), (0, False), (0, True)], seen
    assert_finite(network_state(model))


def test_all_processes_skip_what_one_must(tmp_path):
    with gloo_processes(train_with_an_overflow, tmp_path):
        pass
