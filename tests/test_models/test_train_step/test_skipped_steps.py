"""A step with a loss that is not finite leaves nothing behind."""
import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from tests.helpers.tiny import batch, build, make_runner, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views

ALGORITHMS = dict(
    classifier=lambda: (build().train(), *batch(4)[::2]),
    infonce=lambda: (build_moco().train(), *views()),
    cluster=lambda: (build_moco(objective=CLUSTERS).train(), *views()))


def damaged(inputs, value):
    inputs = copy.deepcopy(inputs)
    (inputs if torch.is_tensor(inputs) else inputs[0])[1, 0, 3, 3] = value
    return inputs


def state(model):
    return copy.deepcopy(model.state_dict())


def changed(before, after):
    return {
        name
        for name, value in before.items() if not torch.equal(
            torch.as_tensor(value), torch.as_tensor(after[name]))
    }


@pytest.mark.parametrize('name', ALGORITHMS)
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_bad_image(name, value):
    model, inputs, samples = ALGORITHMS[name]()
    optim_wrapper = sgd(model)
    model.train_step(dict(inputs=inputs, data_samples=samples), optim_wrapper)
    # A first step may take gamma below 0, and each step begins with this.
    model.mixing.mixer.project_gamma()
    before, momenta = state(model), copy.deepcopy(optim_wrapper.state_dict())
    log_vars = model.train_step(
        dict(inputs=damaged(inputs, value), data_samples=samples),
        optim_wrapper)
    assert not torch.isfinite(log_vars['loss'])
    assert model.skipped_steps == 1
    after = state(model)
    assert changed(before, after) == {'mixing.pairings._extra_state'}
    assert all(value.isfinite().all() for value in after.values()
               if torch.is_tensor(value))
    for number, entry in optim_wrapper.state_dict()['state'].items():
        assert torch.equal(entry['momentum_buffer'],
                           momenta['state'][number]['momentum_buffer'])
    assert all(param.grad is None for param in model.parameters())
    model.train_step(dict(inputs=inputs, data_samples=samples), optim_wrapper)
    assert model.skipped_steps == 0
    assert changed(after, state(model)) > {'backbone.conv1.weight'}


@pytest.mark.parametrize('term', ['loss_mixer', 'loss_mix'])
def test_a_bad_term(term):
    model, inputs, samples = ALGORITHMS['classifier']()
    loss = model.loss
    model.loss = lambda *args: {
        key: value * (float('nan') if key == term else 1)
        for key, value in loss(*args).items() if torch.is_tensor(value)
    }
    before = state(model)
    model.train_step(dict(inputs=inputs, data_samples=samples), sgd(model))
    assert changed(before, state(model)) == {'mixing.pairings._extra_state'}


def test_gradients_accumulated_before_are_dropped():
    model, inputs, samples = ALGORITHMS['classifier']()
    optim_wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    optim_wrapper.initialize_count_status(model, 0, 4)
    good = dict(inputs=inputs, data_samples=samples)
    model.train_step(good, optim_wrapper)
    weight = model.backbone.conv1.weight.detach().clone()
    model.train_step(
        dict(good, inputs=damaged(inputs, float('nan'))), optim_wrapper)
    assert model.backbone.conv1.weight.grad is None
    assert torch.equal(model.backbone.conv1.weight, weight)
    model.train_step(good, optim_wrapper)
    model.train_step(good, optim_wrapper)
    assert not torch.equal(model.backbone.conv1.weight, weight)


def bad_losses(runner, when):
    """Let ``loss_mixer`` be NaN in some iterations."""
    loss = runner.model.loss

    def bad(*args):
        losses = loss(*args)
        if runner.iter in when:
            losses['loss_mixer'] = losses['loss_mixer'] * float('nan')
        return losses

    runner.model.loss = bad
    return runner


def test_the_momentum_network_waits_and_training_goes_on(tmp_path):
    runner = bad_losses(make_runner(tmp_path), when=(2, 3))
    moved = []
    update = runner.model.update_momentum_net
    runner.model.update_momentum_net = lambda momentum: (
        moved.append(runner.iter), update(momentum))
    runner.train()
    assert moved == [0, 1, 4, 5]
    assert all(param.isfinite().all() for param in runner.model.parameters())


def test_too_many_in_a_row_stop_the_training(tmp_path):
    hooks = [
        dict(type='EMAMomentumHook'),
        dict(type='SkippedStepHook', max_skipped=2)
    ]
    runner = bad_losses(
        make_runner(tmp_path, hooks=hooks), when=(0, 2, 3, 4))
    with pytest.raises(
            FloatingPointError,
            match=r"iteration 4: .*'loss_mixer': nan.* with lam = 0\.\d+ and "
            r'0\.\d+, after 2 skipped steps in a row; lower') as info:
        runner.train()
    lam_k, lam_q = runner.model.mixing.last_lams()
    assert f'lam = {lam_k} and {lam_q},' in str(info.value)


def test_the_momentum_network_does_not_move_when_the_scaler_skips(tmp_path):
    """The optimizer itself says whether it made a step."""
    runner = make_runner(tmp_path)
    step, moved = runner.optim_wrapper, []

    class Scaler(OptimWrapper):
        """Leaves out every second step, as after an overflow."""

        def step(self, **kwargs):
            if runner.iter % 2:
                super().step(**kwargs)

    runner.optim_wrapper = Scaler(
        torch.optim.SGD(runner.model.parameters(), lr=0.1))
    assert step is not runner.optim_wrapper
    update = runner.model.update_momentum_net
    runner.model.update_momentum_net = lambda momentum: (
        moved.append(runner.iter), update(momentum))
    runner.train()
    assert moved == [1, 3, 5]
