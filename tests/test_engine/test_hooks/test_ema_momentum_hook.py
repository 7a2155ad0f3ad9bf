import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS

from samix_mm.engine import (EMAMomentumHook, MaskLossAnnealHook,
                             PlainCheckpointHook)
from tests.helpers.tiny import (Recorder, assert_same, loader, make_runner,
                                model_cfg, momentum_params, stock_cfg)

EMA = dict(type='EMAMomentumHook')


def half_cosine(first, last, iteration, max_iters):
    """``first`` at iteration 0, ``last`` at ``max_iters``."""
    share = 0.5 * (1 - math.cos(math.pi * iteration / max_iters))
    return (1 - share) * first + share * last


def follow(twin, online, momentum):
    return {
        key: momentum * value + (1 - momentum) * online[key]
        for key, value in twin.items()
    }


def logged(runner, name='train/momentum'):
    return runner.message_hub.get_scalar(name).data[0].tolist()


def train(tmp_path, hook=EMA, **kwargs):
    runner = make_runner(tmp_path, hooks=[dict(hook)], **kwargs)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    return runner, recorder


@pytest.mark.parametrize('first, last', [(0.999, 1.), (0.5, 0.9)])
def test_momentum_rises_on_a_half_cosine(tmp_path, first, last):
    model = model_cfg(momentum=first, end_momentum=last)
    runner, recorder = train(tmp_path, model=model, max_epochs=2)
    momenta = [half_cosine(first, last, t, 6) for t in range(6)]
    assert logged(runner) == pytest.approx(momenta, abs=1e-12)
    assert momenta[0] == first and momenta == sorted(momenta)
    twin = recorder.first
    for online, momentum, copy in zip(recorder.online, momenta,
                                      recorder.momentum_net):
        twin = follow(twin, online, momentum)
        assert_same(copy, twin, rtol=1e-5, atol=1e-7)
    assert len(recorder.momentum_net) == 6
    assert runner.model.momentum_net.momentum == momenta[-1]


def test_moves_once_an_optimizer_step(tmp_path):
    runner, recorder = train(
        tmp_path,
        model=model_cfg(momentum=0.5),
        max_epochs=1,
        dataloader=loader(16, batch_size=2),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.1), accumulative_counts=3))
    twin, last, moved = recorder.first, recorder.first, []
    for t, (online, copy) in enumerate(
            zip(recorder.online, recorder.momentum_net)):
        if any(not torch.equal(copy[key], last[key]) for key in copy):
            moved.append(t)
            twin = follow(twin, online, half_cosine(0.5, 1., t, 8))
        assert_same(copy, twin, rtol=1e-5, atol=1e-7)
        last = copy
    assert moved == [2, 5, 7]  # the last, incomplete one as well
    assert len(logged(runner)) == 8


def test_warmup(tmp_path):
    runner, recorder = train(
        tmp_path, dict(EMA, warmup_iters=4), model=model_cfg(momentum=0.9))
    cosine = [half_cosine(0.9, 1., t, 6) for t in range(6)]
    factors = [0., 0.25, 0.5, 0.75, 1., 1.]
    expected = [factor * value for factor, value in zip(factors, cosine)]
    assert logged(runner) == pytest.approx(expected, abs=1e-12)
    assert_same(recorder.momentum_net[0], recorder.online[0])


@pytest.mark.parametrize('iteration', [7, 9, 12, 100])
def test_momentum_stays_at_its_end(iteration):
    """Past the end, where a resumed run with larger batches may be."""
    model = SimpleNamespace(momentum=0.9, end_momentum=0.99)
    assert EMAMomentumHook().momentum_at(iteration, 6, model) == 0.99


def test_momentum_statistics_are_not_overwritten(tmp_path):
    runner, _ = train(tmp_path, model=model_cfg(momentum=0., end_momentum=0.))
    model = runner.model
    assert_same(momentum_params(model), {
        key: model.get_parameter(key)
        for key in momentum_params(model)
    })
    means = [
        net.layer4[0].bn1.running_mean
        for net in (model.backbone, model.momentum_net.backbone)
    ]
    assert not torch.allclose(*means)


def test_missing_hook_is_an_error_at_once(tmp_path):
    runner = make_runner(tmp_path, hooks=[])
    recorder = Recorder()
    runner.register_hook(recorder)
    with pytest.raises(RuntimeError, match="dict\\(type='EMAMomentumHook'\\)"):
        runner.train()
    assert runner.iter <= 1


def test_missing_hook_is_an_error_after_another_training(tmp_path):
    make_runner(tmp_path / 'with').train()
    with pytest.raises(RuntimeError, match='EMAMomentumHook'):
        make_runner(tmp_path / 'without', hooks=[]).train()


def test_hook_twice(tmp_path):
    with pytest.raises(ValueError, match='more than once; leave one'):
        make_runner(tmp_path, hooks=[dict(EMA), dict(EMA)]).train()


def test_model_without_momentum_network(tmp_path):
    hooks = [dict(EMA), dict(type='PlainCheckpointHook')]
    runner = make_runner(tmp_path, model=stock_cfg(), hooks=hooks)
    with pytest.raises(TypeError, match='SAMixClassifier, got ImageClassif'):
        runner.train()


@pytest.mark.parametrize('num_images, batch_size', [(7, 3), (4, 1)])
def test_last_batch_of_one_image(tmp_path, num_images, batch_size):
    runner = make_runner(tmp_path, dataloader=loader(num_images, batch_size))
    with pytest.raises(
            ValueError, match=f'{num_images} images in batches of '
            f'{batch_size} .*drop_last=True'):
        runner.train()
    assert runner.iter == 0


def test_dropped_last_batch_of_one_image(tmp_path):
    dataloader = loader(7, 3, drop_last=True)
    runner, _ = train(tmp_path, dataloader=dataloader, max_epochs=1)
    assert runner.iter == 2


def test_infinite_sampler_has_no_last_batch(tmp_path):
    """Its length is that of the data set; its batches are all full."""
    dataloader = dict(loader(7, 3), sampler=dict(type='InfiniteSampler'))
    runner, _ = train(
        tmp_path,
        dataloader=dataloader,
        train_cfg=dict(by_epoch=False, max_iters=4))
    momenta = [half_cosine(0.999, 1., t, 4) for t in range(4)]
    assert logged(runner) == pytest.approx(momenta, abs=1e-12)


@pytest.mark.parametrize('term', ['loss_mixer', 'loss_mask', 'loss_mix'])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_loss_that_is_not_finite(tmp_path, term, value):
    hooks = [EMA, dict(type='SkippedStepHook', max_skipped=0)]
    runner = make_runner(tmp_path, hooks=hooks)
    loss, steps = runner.model.loss, []

    def broken(inputs, data_samples):
        losses = loss(inputs, data_samples)
        steps.append(losses)
        if len(steps) == 3:
            losses[term] = losses[term] * value
        return losses

    runner.model.loss = broken
    with pytest.raises(
            FloatingPointError, match=f"iteration 2: .*'{term}': "
            f'-?{value}') as info:
        runner.train()
    others = {'loss_mixer', 'loss_mask', 'loss_mix', 'loss_clean'} - {term}
    assert not any(f"'{name}'" in str(info.value) for name in others)
    assert len(steps) == 3


def test_companions_are_registered_with_their_defaults(tmp_path):
    runner, _ = train(tmp_path, max_epochs=1)
    for kind in (MaskLossAnnealHook, PlainCheckpointHook):
        assert sum(isinstance(hook, kind) for hook in runner.hooks) == 1


def test_companions_of_the_config_are_kept(tmp_path):
    hooks = [
        dict(EMA),
        dict(type='MaskLossAnnealHook', end_weight=0.05),
        dict(type='PlainCheckpointHook')
    ]
    runner = make_runner(tmp_path, hooks=hooks, max_epochs=1)
    runner.train()
    for kind in (MaskLossAnnealHook, PlainCheckpointHook):
        assert sum(isinstance(hook, kind) for hook in runner.hooks) == 1
    annealed = next(
        hook for hook in runner.hooks if isinstance(hook, MaskLossAnnealHook))
    assert annealed.end_weight == 0.05


def test_warmup_is_shorter_than_the_training(tmp_path):
    runner = make_runner(tmp_path, hooks=[dict(EMA, warmup_iters=6)])
    with pytest.raises(ValueError, match='below the 6 iterations .* got 6'):
        runner.train()


def test_refuses_negative_warmup():
    with pytest.raises(ValueError, match='warmup_iters must be 0 or more'):
        EMAMomentumHook(warmup_iters=-1)


def test_registered_in_root_registry():
    assert isinstance(HOOKS.build(dict(EMA)), EMAMomentumHook)
