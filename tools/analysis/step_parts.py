"""The parts of a training step of SAMix, each to be run alone."""
from typing import Callable, Dict

import torch
from mmpretrain.models import BaseSelfSupervisor
from step_setup import Step
from torch import Tensor

from samix_mm.models.classifiers.labels import hard_labels
from samix_mm.models.selfsup.views import match_views, two_views
from samix_mm.utils.sample_index import sample_indices


def step_parts(step: Step) -> Dict[str, Callable[[], None]]:
    """Take a step apart.

    Args:
        step (Step): A step of an algorithm of this package.

    Returns:
        Dict[str, Callable]: By name what runs a part, with its backward pass.
    """
    model, optim_wrapper = step.model, step.optim_wrapper
    batch = model.data_preprocessor(step.data, True)
    inputs, samples = batch['inputs'], batch['data_samples']

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

    selfsup = isinstance(model, BaseSelfSupervisor)
    parts = (_moco_parts if selfsup else _classifier_parts)(model, inputs,
                                                            samples)
    parts = {name: run(part) for name, part in parts.items()}
    parts['EMA'] = lambda: model.update_momentum_net(model.momentum)

    def optimize() -> None:
        for param in model.parameters():
            if param.requires_grad:
                param.grad = torch.zeros_like(param)
        optim_wrapper.optimizer.step()
        model.zero_grad(set_to_none=True)

    parts['optimizer'] = optimize
    return parts


def _classifier_parts(model, inputs: Tensor, samples: list) -> dict:
    labels = hard_labels(samples)
    images = model.images_to_mix(inputs)
    pair_k, pair_q = _pairs(model, images)
    feats = model.momentum_features(images)
    mask_q, pair_q = model.online_masks(images, model.project(feats), pair_q)
    parts = {
        'online clean': lambda: model.clean_losses(inputs, samples),
        'online mixed': lambda: model.online_losses(images, mask_q, labels,
                                                    pair_q),
        'momentum clean': lambda: dict(_=model.momentum_features(images)),
    }
    if pair_k is not None:
        parts['momentum mixed'] = lambda: model.mixer_losses(
            images, _leaf_mask(images, pair_k), labels, pair_k)
    parts['Mixer'] = lambda: _masks(model, images, feats, feats, pair_k,
                                    pair_q)
    return parts


def _moco_parts(model, inputs: list, samples: list) -> dict:
    inputs_q, inputs_k = two_views(inputs)
    pair_k, pair_q = _pairs(model, inputs_q)
    view_q, view_k = (model.momentum_view(view) for view in inputs)
    first, second = match_views(view_q, view_k, model.cross_view)
    mask_q, pair_q = model.online_masks(
        inputs_q, model.project(first.feats, second.feats), pair_q)
    index = None if model.clusters is None else sample_indices(samples)
    parts = {
        'online clean': lambda: model.clean_losses(inputs_q, view_k.keys,
                                                   model.queue),
        'online mixed': lambda: model.online_losses(first, second, mask_q,
                                                    pair_q, model.queue),
        'momentum clean': lambda: dict(
            q=model.momentum_view(inputs_q).keys,
            k=model.momentum_view(inputs_k).keys),
    }
    if pair_k is not None:
        parts['momentum mixed'] = lambda: model.mixer_losses(
            first, second, _leaf_mask(inputs_q, pair_k), pair_k, model.queue,
            index)
    parts['Mixer'] = lambda: _masks(model, inputs_q, first.feats, second.feats,
                                    pair_k, pair_q)
    return parts


def _pairs(model, inputs: Tensor) -> tuple:
    """Pairs of a step in which the Mixer is trained, if it ever is."""
    pairs = model.draw_pairs(inputs)
    while pairs[0] is None and model.mixer.trains:
        pairs = model.draw_pairs(inputs)
    return pairs


def _leaf_mask(inputs: Tensor, pair) -> Tensor:
    """Masks that want a gradient, as the Mixer's do."""
    size = (len(pair.index), 1, *inputs.shape[2:])
    return torch.rand(size, device=inputs.device, requires_grad=True)


def _masks(model, inputs, feats, partner_feats, pair_k, pair_q) -> dict:
    projected = model.project(feats, partner_feats, pair_k)
    masks = {}
    if pair_k is not None:
        masks['k'] = model.make_masks(inputs, projected, pair_k)
    masks['q'], _ = model.online_masks(inputs, projected, pair_q)
    return masks
