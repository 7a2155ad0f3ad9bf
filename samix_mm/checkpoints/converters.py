"""A ResNet's weights under the names that other projects give them.

MMPretrain's ``ResNet`` and ``ResNeXt`` name their weights as torchvision and
timm do, below the prefix of the backbone. Detectron2's names are those of
MoCo's converter: https://github.com/facebookresearch/moco/blob/main/
detection/convert-pretrain-to-detectron2.py
"""
import re
from collections import OrderedDict
from typing import Dict, List

import numpy as np
import torch

_BN = r'(weight|bias|running_mean|running_var|num_batches_tracked)'
_BLOCK = r'layer[1-4]\.\d+\.'
TORCHVISION_NAME = re.compile(
    rf'conv1\.weight|bn1\.{_BN}|'
    rf'{_BLOCK}conv[1-3]\.weight|{_BLOCK}bn[1-3]\.{_BN}|'
    rf'{_BLOCK}downsample\.0\.weight|{_BLOCK}downsample\.1\.{_BN}')

#: In this order; a norm belongs to the convolution that precedes it.
DETECTRON2_RULES = (
    (r'^(conv1|bn1)\.', r'stem.\1.'),
    (r'^layer(\d)', lambda match: f'res{int(match[1]) + 1}'),
    (r'\.bn(\d)\.', r'.conv\1.norm.'),
    (r'\.downsample\.0\.', '.shortcut.'),
    (r'\.downsample\.1\.', '.shortcut.norm.'),
)


def backbone_state(checkpoint: dict,
                   prefix: str = 'backbone.') -> Dict[str, torch.Tensor]:
    """The weights of the backbone, without what comes before their names.

    Args:
        checkpoint (dict): A checkpoint with a ``state_dict``, or a state
            dict itself.
        prefix (str): What the names begin with; of a SAMix checkpoint
            'momentum_net.backbone.' gives the momentum network. Defaults to
            'backbone.'.

    Returns:
        Dict[str, torch.Tensor]: The weights in their order.

    Raises:
        ValueError: If no name begins with the prefix.
    """
    state = checkpoint.get('state_dict', checkpoint)
    if prefix and not prefix.endswith('.'):
        prefix += '.'
    weights = OrderedDict((key[len(prefix):], value)
                          for key, value in state.items()
                          if key.startswith(prefix))
    if not weights:
        raise ValueError(f'no key of the checkpoint begins with {prefix!r}; '
                         f'its keys are {_some(list(state))}: name another '
                         'prefix')
    return weights


def to_torchvision(
        backbone: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Check that a backbone's names are those of torchvision's ResNet.

    Nothing is renamed. That the network is the same as well, the names do
    not tell all of: it must have ``style='pytorch'`` (MMPretrain's default),
    and the ``_CIFAR`` networks have a first convolution of 3x3.

    Args:
        backbone (Dict[str, torch.Tensor]): Weights of MMPretrain's
            ``ResNet`` or ``ResNeXt``, as :func:`backbone_state` gives them.

    Returns:
        Dict[str, torch.Tensor]: The weights that torchvision's and timm's
        ResNet and ResNeXt have, but for the classifier.

    Raises:
        ValueError: If the network is another one, such as ``ResNetV1d``
            with its stem of three convolutions.
    """
    unknown = [key for key in backbone if not TORCHVISION_NAME.fullmatch(key)]
    if any(key.startswith('stem.') for key in unknown):
        raise ValueError(
            'the backbone has a deep stem (ResNetV1c, ResNetV1d), for which '
            "torchvision's ResNet has no place: convert a ResNet or ResNeXt")
    if unknown:
        raise ValueError(
            "the backbone has weights that torchvision's ResNet does not "
            f'have, {_some(unknown)}: convert a ResNet or ResNeXt')
    if 'conv1.weight' not in backbone:
        raise ValueError('the backbone has no conv1.weight, only '
                         f'{_some(list(backbone))}: convert a whole ResNet')
    return OrderedDict(backbone)


def to_detectron2(
        backbone: Dict[str, torch.Tensor]) -> Dict[str, np.ndarray]:
    """Rename a backbone's weights for Detectron2's ResNets.

    Detectron2 needs ``MODEL.RESNETS.STRIDE_IN_1X1=False`` and pixels in RGB
    for them, as in MoCo's configs.

    Args:
        backbone (Dict[str, torch.Tensor]): Weights of MMPretrain's
            ``ResNet`` or ``ResNeXt``, as :func:`backbone_state` gives them.

    Returns:
        Dict[str, np.ndarray]: The weights under ``stem`` and ``res2`` to
        ``res5``; the counters of batches are left out.

    Raises:
        ValueError: If the network is another one.
    """
    renamed = {}
    for key, value in to_torchvision(backbone).items():
        if key.endswith('num_batches_tracked'):
            continue
        for pattern, replacement in DETECTRON2_RULES:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value.detach().cpu().numpy()
    return renamed


def _some(keys: List[str], number: int = 4) -> str:
    """The first of many names."""
    rest = ', ...' if len(keys) > number else ''
    return ', '.join(map(str, keys[:number])) + rest
