"""The parts of a training step, each to be run alone."""
from collections import defaultdict
from contextlib import ExitStack
from typing import Callable, Dict, List
from unittest import mock

import torch
from step_setup import Step
from torch import Tensor, nn

from samix_mm.models import Mixture, Sources

#: Methods of an algorithm that are parts of a step.
RECORDED = ('features_of', 'momentum_view', 'mixing_losses', 'momentum_loss',
            'clean_losses', 'online_losses')


def step_parts(step: Step) -> Dict[str, Callable[[], None]]:
    """Take a step apart.

    A step is made while the calls of the algorithm's own methods are
    recorded; a part repeats such a call.

    Args:
        step (Step): A step of an algorithm of this package, in which its
            mixing method learns, if it ever does.

    Returns:
        Dict[str, Callable]: By name what runs a part, with its backward pass.
    """
    model, optim_wrapper = step.model, step.optim_wrapper

    def run(part: Callable[[], dict]) -> Callable[[], None]:

        def with_backward() -> None:
            with optim_wrapper.optim_context(model):
                losses = part()
            total = sum(loss.sum() for loss in losses.values()
                        if isinstance(loss, Tensor) and loss.requires_grad)
            if isinstance(total, Tensor):
                total.backward()
            model.zero_grad(set_to_none=True)

        return with_backward

    parts = {name: run(part) for name, part in _parts(step).items()}
    if model.momentum_net is not None:
        parts['EMA'] = lambda: model.momentum_net.update(model, 0.999)

    def optimize() -> None:
        for param in model.parameters():
            if param.requires_grad:
                param.grad = torch.zeros_like(param)
        optim_wrapper.optimizer.step()
        model.zero_grad(set_to_none=True)

    parts['optimizer'] = optimize
    return parts


def _parts(step: Step) -> Dict[str, Callable[[], dict]]:
    model, mixing = step.model, step.model.mixing
    calls = _recorded_calls(step)
    parts = {
        'online clean': lambda: model.clean_losses(*calls['clean_losses'][0]),
        'online mixed': lambda: model.online_losses(*calls['online_losses'][0])
    }
    looks = 'momentum_view' if calls['momentum_view'] else 'features_of'
    if calls[looks]:
        parts['momentum clean'] = lambda: {
            number: getattr(model, looks)(*args)
            for number, args in enumerate(calls[looks])
        } and {}
    if calls['momentum_loss']:
        parts['momentum mixed'] = lambda: dict(
            _=_through_momentum_net(model, *calls['momentum_loss'][0]))
    sources = calls['mixing_losses'][0][1]

    def mix() -> dict:
        given = dict(labels=sources.labels)
        if 'features' in mixing.needs:
            given['features'] = sources.features()
        again = Sources(sources.images, sources.partners, **given)
        masks = {number: mixture.mask for number, mixture in enumerate(
            mixing.training_mixtures(again))}
        mixing.mix(again, mixing.draw(len(again.images), again.images.device))
        return masks

    parts['Mixer' if mixing.learns else 'mixing'] = mix
    return parts


def _recorded_calls(step: Step) -> Dict[str, List[tuple]]:
    """Arguments of the calls of a step, by the names of the methods."""
    model, calls = step.model, defaultdict(list)
    batch = model.data_preprocessor(step.data, True)
    with ExitStack() as patches:
        for name in filter(lambda name: hasattr(model, name), RECORDED):
            method = getattr(model, name)

            def recorded(*args, name=name, method=method, **kwargs):
                calls[name].append(args)
                return method(*args, **kwargs)

            patches.enter_context(mock.patch.object(model, name, recorded))
        model(batch['inputs'], batch['data_samples'], mode='loss')
    return calls


def _through_momentum_net(model: nn.Module, context, mixture: Mixture,
                          eta: float) -> Tensor:
    """The objective of mixed images, whose gradient goes as far as these."""
    inputs = mixture.inputs.detach().requires_grad_()
    return model.momentum_loss(context, mixture._replace(inputs=inputs), eta)
