"""Mixing methods as batch augmentations of MMPretrain's own classifiers."""
from typing import Any, Tuple

import mmpretrain.models  # noqa: F401  registers the names that are taken
import torch
from mmpretrain.registry import BATCH_AUGMENTS
from torch import Tensor

from ...registry import MIXING_METHODS
from .method import MixingMethod
from .random_stream import RandomStream
from .sources import Sources


class MixingAugment:
    """A mixing method in the place of a batch augmentation.

    ``model = dict(type='ImageClassifier', train_cfg=dict(augments=dict(
    type='FMix', alpha=0.2)))`` in a stock config of MMPretrain makes one, as
    does any other method that asks for nothing but pixels, under its own name
    unless MMPretrain or another package has an augmentation of that name.

    It lives outside the model's state dict, so that its random numbers are
    functions of torch's global generator, not of streams that a checkpoint
    continues.

    Args:
        method (MixingMethod): The method.

    Raises:
        ValueError: If it asks for more than pixels.
    """

    def __init__(self, method: MixingMethod) -> None:
        if method.needs or method.learns or method.levels != {0}:
            raise ValueError(
                f'{type(method).__name__} asks for more than the pixels of a '
                "batch and cannot be one of train_cfg's augments; write "
                "model = dict(type='MixClassifier', mixing=dict(type="
                f'{type(method).__name__!r}, ...), train_cfg=None, ...)')
        self.method = method

    def __call__(self, batch_input: Tensor,
                 batch_score: Tensor) -> Tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            batch_input (Tensor): Images with shape (N, C, H, W). A single one
                has no partner and stays as it is.
            batch_score (Tensor): Soft labels with shape (N, K).

        Returns:
            Tuple[Tensor, Tensor]: The same of mixed images.
        """
        scores, device = batch_score.float(), batch_input.device
        if len(batch_input) < 2:
            return batch_input, scores
        for module in self.method.to(device).modules():
            if isinstance(module, RandomStream):
                module.restart(int(torch.randint(2**62, ())))
        pairing = self.method.draw(len(batch_input), device)
        mixture = self.method.mix(Sources(batch_input), pairing)
        shares = mixture.shares.unsqueeze(2)  # (M, R, 1)
        return mixture.inputs, (shares * scores[mixture.index]).sum(dim=1)


def _register(name: str) -> None:
    """Register a mixing method as a batch augmentation if its name is
    free."""
    if name in BATCH_AUGMENTS.module_dict:
        return

    def build(**kwargs: Any) -> MixingAugment:
        return MixingAugment(MIXING_METHODS.build(dict(kwargs, type=name)))

    BATCH_AUGMENTS.register_module(name=name, module=build)


MIXING_METHODS.for_each_name(_register)
