"""Take the feature map that feeds the Mixer out of any backbone.

The map is taken with a forward hook instead of one more of the backbone's
``out_indices``: several backbones grow a norm layer or pool to a vector for
each of these, which would change parameters and checkpoint keys. The hook
also ends the forward pass there.
"""
from contextlib import contextmanager
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn as nn
from torch import Tensor

from ...utils.validation import is_number

#: Hierarchical backbones are counted as if they had four levels, whatever
#: their own names for them, so that 3 is the last map at twice the final
#: resolution: stride 16 in an ImageNet net, 4 in a ResNet for CIFAR.
NUM_LEVELS = 4


class FeatureStage(NamedTuple):
    """Where the features are taken.

    Attributes:
        name (str): The module of the backbone whose output is taken.
        channels (int): Channels of the map.
        feature_stage (int): The stage, as :func:`find_feature_stage`
            counts.
    """
    name: str
    channels: int
    feature_stage: int


class _StageReached(Exception):
    """Ends a forward pass at the feature stage."""


def find_feature_stage(backbone: nn.Module,
                       feature_stage: Optional[int] = None) -> FeatureStage:
    """Find the module of a backbone that puts out the wanted stage.

    Args:
        backbone (nn.Module): A backbone of MMPretrain.
        feature_stage (int, optional): In hierarchical backbones the
            resolution level, counted so that the final one is 4; in plain
            transformers the number of blocks. None takes the paper's level 3
            and, in plain transformers, half the depth. Defaults to None.

    Returns:
        FeatureStage: The module's name and its channels.

    Raises:
        ValueError: If there is no such stage; the message lists those that
            there are.
    """
    if _is_plain_transformer(backbone):
        depth = len(backbone.layers)
        stage = depth // 2 if feature_stage is None else feature_stage
        stages = {
            number: FeatureStage(f'layers.{number - 1}', backbone.embed_dims,
                                 number)
            for number in range(1, depth + 1)
        }
    else:
        stage = NUM_LEVELS - 1 if feature_stage is None else feature_stage
        stages = _level_stages(backbone)
    if not is_number(stage) or stage not in stages:
        raise ValueError(f'feature_stage of {type(backbone).__name__} must be '
                         f'one of {sorted(stages)}, got {stage!r}')
    return stages[stage]


def find_level(backbone: nn.Module, level: int) -> FeatureStage:
    """Find a resolution level of a backbone, or the quarter of the depth of a
    plain transformer that stands for it.

    Args:
        backbone (nn.Module): A backbone of MMPretrain.
        level (int): From 1 to 4, the final one.

    Returns:
        FeatureStage: The module's name and its channels.

    Raises:
        ValueError: If there is no such level; the message lists those that
            there are.
    """
    if _is_plain_transformer(backbone):
        level = max(1, len(backbone.layers) * level // NUM_LEVELS)
    return find_feature_stage(backbone, level)


def forward_to_stage(backbone: nn.Module, stage: FeatureStage,
                     inputs: Tensor) -> Tensor:
    """Run a backbone up to a feature stage.

    Args:
        backbone (nn.Module): The backbone the stage was found in, or a copy.
        stage (FeatureStage): Where to stop.
        inputs (Tensor): Images with shape (N, 3, H, W).

    Returns:
        Tensor: The feature map with shape (N, C, h, w).
    """
    return _run(backbone, stage, inputs, to_the_end=False)[1]


def forward_with_stage(backbone: nn.Module, stage: FeatureStage,
                       inputs: Tensor) -> Tuple[Sequence[Tensor], Tensor]:
    """Run a backbone to its end and take the map at a stage on the way.

    Args:
        backbone (nn.Module): The backbone the stage was found in, or a copy.
        stage (FeatureStage): Where the map is taken.
        inputs (Tensor): Images with shape (N, 3, H, W).

    Returns:
        Tuple[Sequence[Tensor], Tensor]: The backbone's output and the feature
        map with shape (N, C, h, w).
    """
    return _run(backbone, stage, inputs, to_the_end=True)


@torch.no_grad()
def output_channels(backbone: nn.Module) -> int:
    """Find the channels of a backbone's last output by a forward pass.

    Args:
        backbone (nn.Module): A backbone of MMPretrain.

    Returns:
        int: The channels.
    """
    with _eval_mode(backbone):
        outputs = backbone(_probe(backbone))
    return (outputs if isinstance(outputs, Tensor) else outputs[-1]).size(1)


def _run(backbone: nn.Module, stage: FeatureStage, inputs: Tensor,
         to_the_end: bool) -> tuple:
    """The backbone's output, None unless ``to_the_end``, and the map."""
    reached = []
    grid: List[Tuple[int, int]] = []

    def take(module, args, output) -> None:
        reached.append(output)
        if not to_the_end:
            raise _StageReached

    handles = [backbone.get_submodule(stage.name).register_forward_hook(take)]
    if _is_plain_transformer(backbone):
        handles.append(
            backbone.patch_embed.register_forward_hook(
                lambda module, args, output: grid.append(output[1])))
    outputs = None
    try:
        outputs = backbone(inputs)
    except _StageReached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    feat = reached[0]
    if grid:
        feat = feat[:, backbone.num_extra_tokens:], grid[0]
    return outputs, _as_map(feat)


@contextmanager
def _eval_mode(module: nn.Module) -> Iterator[None]:
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def _is_plain_transformer(backbone: nn.Module) -> bool:
    """Whether all blocks work on one grid of tokens."""
    return (isinstance(getattr(backbone, 'layers', None), nn.ModuleList)
            and hasattr(backbone, 'patch_embed')
            and hasattr(backbone, 'num_extra_tokens'))


def _as_map(output) -> Optional[Tensor]:
    """Read a module's output as a map (N, C, h, w); None if it is none."""
    if isinstance(output, Tensor):
        return output if output.ndim == 4 else None
    if (isinstance(output, (tuple, list)) and len(output) == 2
            and isinstance(output[0], Tensor) and output[0].ndim == 3
            and not isinstance(output[1], Tensor)):
        tokens, (height, width) = output
        return tokens.transpose(1, 2).unflatten(2, (height, width))
    return None


@torch.no_grad()
def _level_stages(backbone: nn.Module) -> dict:
    """Find the last module of each resolution by one forward pass.

    Only modules with weights of their own kind of work (convolutions or
    linear layers) count, which leaves out the pooling and norm layers of
    the output.
    """
    seen: List[Tuple[int, str, int]] = []  # (height, name, channels)

    def watch(name):

        def hook(module, args, output):
            feat = _as_map(output)
            if feat is not None:
                seen.append((feat.size(2), name, feat.size(1)))

        return hook

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in _candidates(backbone)
    ]
    try:
        with _eval_mode(backbone):
            backbone(_probe(backbone))
    except Exception as error:
        raise ValueError(
            f'{type(backbone).__name__} does not take images, so that the '
            f'Mixer gets no feature map of it ({error}); choose a backbone '
            'with spatial features') from error
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise ValueError(f'{type(backbone).__name__} puts out no feature map '
                         'that the Mixer could use; choose a backbone with '
                         'spatial features.')
    by_height = {height: (name, channels) for height, name, channels in seen}
    final = min(by_height)
    return {
        level: FeatureStage(*by_height[final * 2**(NUM_LEVELS - level)], level)
        for level in range(1, NUM_LEVELS + 1)
        if final * 2**(NUM_LEVELS - level) in by_height
    }


def _candidates(backbone: nn.Module):
    """Direct children, and the elements of those that are containers."""
    for name, module in backbone.named_children():
        parts = [(name, module)]
        if isinstance(module, (nn.ModuleList, nn.Sequential)):
            parts += [(f'{name}.{key}', part)
                      for key, part in module.named_children()]
        for part_name, part in parts:
            if any(
                    isinstance(layer, (nn.Conv2d, nn.Linear))
                    for layer in part.modules()):
                yield part_name, part


def _probe(backbone: nn.Module) -> Tensor:
    """A blank image, large enough for any backbone."""
    convs = (layer for layer in backbone.modules()
             if isinstance(layer, nn.Conv2d))
    channels = next((conv.in_channels for conv in convs), 3)
    weight = next(backbone.parameters(), torch.zeros(()))
    return weight.new_zeros((1, channels, 224, 224))
