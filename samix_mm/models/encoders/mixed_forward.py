"""Run a network on mixed images, wherever in it they are mixed."""
from contextlib import contextmanager
from typing import Any, Dict, Iterator

import torch
from torch import Tensor, nn

from ..mixing.mixture import Mixture
from .feature_stage import FeatureStage


@contextmanager
def mixing_inside(backbone: nn.Module, mixture: Mixture,
                  stages: Dict[int, FeatureStage]) -> Iterator[Tensor]:
    """Let a backbone mix what runs through it, if the mixture is one of
    feature maps.

    Where its level is above 0, the first images and those that partners are
    taken from run along to the module of that stage, whose output is mixed
    (`Manifold Mixup <https://arxiv.org/abs/1806.05236>`_).

    Args:
        backbone (nn.Module): A backbone of MMPretrain.
        mixture (Mixture): M mixed images.
        stages (Dict[int, FeatureStage]): Stages of the backbone by level.

    Yields:
        Tensor: What to give the backbone, once; its output is of M images.

    Raises:
        ValueError: If what is mixed inside the network are not pairs.
        RuntimeError: If the backbone does not get to that stage.
    """
    if mixture.level == 0:
        yield mixture.inputs
        return
    index, inputs = mixture.index, mixture.inputs
    if index.size(1) != 2:
        raise ValueError('inside a network images are mixed in pairs, got '
                         f'{index.size(1)} sources')
    num, partner = len(index), index[:, 1]
    if mixture.companions is not None:
        inputs = torch.cat([inputs, mixture.companions])
        partner = partner + num

    reached = []

    def mix(module: nn.Module, args: tuple, output: Any) -> Any:
        reached.append(module)
        maps = output[0] if isinstance(output, (tuple, list)) else output
        mixed = _lerp(maps[partner], maps[:num], mixture.shares[:, 0])
        return mixed if maps is output else type(output)(
            (mixed, *output[1:]))

    module = backbone.get_submodule(stages[mixture.level].name)
    handle = module.register_forward_hook(mix)
    try:
        yield inputs
        if not reached:
            raise RuntimeError(
                f'{type(backbone).__name__} ends before level '
                f'{mixture.level}, at which the mixing method mixes; leave '
                'that one out of its levels')
    finally:
        handle.remove()


def _lerp(partner: Tensor, first: Tensor, share: Tensor) -> Tensor:
    """Mix maps or tokens of any shape (M, ...) by shares (M, )."""
    share = share.to(first.dtype).view(-1, *[1] * (first.ndim - 1))
    return torch.lerp(partner, first, share)
