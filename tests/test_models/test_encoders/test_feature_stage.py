import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from samix_mm.models.encoders import (find_feature_stage, find_level,
                                      forward_to_stage, forward_with_stage)
from tests.helpers.tiny import BACKBONES, network_state, vit_arch

DEIT = dict(
    type='DistilledVisionTransformer',
    arch=vit_arch(12),
    img_size=(24, 32),
    patch_size=8)


def built(cfg):
    backbone = MODELS.build(dict(cfg))
    backbone.eval()  # returns None in some of MMPretrain's
    return backbone


def backbone_of(name, **kwargs):
    return built(dict(BACKBONES[name][0], **kwargs))


def calls(backbone, *names):
    """Count how often modules run."""
    counts = dict.fromkeys(names, 0)
    for name in names:

        def count(module, args, name=name):
            counts[name] += 1

        backbone.get_submodule(name).register_forward_pre_hook(count)
    return counts


@pytest.mark.parametrize('name, module, channels, level, stride', [
    ('ResNet', 'layer3', 16, 3, 16),
    ('ResNet_CIFAR', 'layer3', 16, 3, 4),
    ('ResNeXt', 'layer3', 128, 3, 16),
    ('SEResNet', 'layer3', 64, 3, 16),
    ('RegNet', 'layer3', 32, 3, 16),
    ('MobileNetV3', 'layer8', 24, 3, 16),
    ('ConvNeXt', 'stages.2', 16, 3, 16),
    ('Swin', 'stages.2', 32, 3, 16),
])
def test_hierarchical_backbones_at_the_third_of_four_levels(
        name, module, channels, level, stride):
    backbone = backbone_of(name)
    stage = find_feature_stage(backbone)
    assert stage == (module, channels, level)
    feat = forward_to_stage(backbone, stage, torch.randn(2, 3, 64, 64))
    assert feat.shape == (2, channels, 64 // stride, 64 // stride)
    assert find_feature_stage(backbone, 3) == stage
    assert not backbone.get_submodule(stage.name)._forward_hooks


@pytest.mark.parametrize('cfg, half', [
    (BACKBONES['VisionTransformer'][0], 2),
    (dict(BACKBONES['VisionTransformer'][0], with_cls_token=False,
          out_type='avg_featmap'), 2),
    (BACKBONES['DeiT'][0], 6),
    (DEIT, 6),
])
def test_plain_transformers_at_half_their_depth(cfg, half):
    backbone = built(cfg)
    stage = find_feature_stage(backbone)
    assert stage == (f'layers.{half - 1}', 8, half)
    feat = forward_to_stage(backbone, stage, torch.randn(2, 3, 24, 32))
    assert feat.shape == (2, 8, 3, 4)  # height before width, no class token


@pytest.mark.parametrize('size', [(64, 64), (63, 33)])
@pytest.mark.parametrize('level', [1, 2, 3, 4])
@pytest.mark.parametrize('name', ['ResNet', 'ResNet_CIFAR', 'RegNet'])
def test_map_is_the_one_of_out_indices(name, level, size):
    backbone = backbone_of(name)
    other = backbone_of(name, out_indices=(level - 1, ))
    other.load_state_dict(backbone.state_dict())
    inputs = torch.randn(2, 3, *size)
    stage = find_feature_stage(backbone, level)
    feat = forward_to_stage(backbone, stage, inputs)
    assert torch.equal(feat, other(inputs)[0])


def test_map_of_a_transformer_is_the_one_of_out_indices():
    for name in ('VisionTransformer', 'DeiT'):
        backbone = backbone_of(name)
        stage = find_feature_stage(backbone)
        other = backbone_of(
            name, out_indices=(stage.feature_stage - 1, ), out_type='featmap')
        other.load_state_dict(backbone.state_dict())
        inputs = torch.randn(2, 3, 24, 32)
        feat = forward_to_stage(backbone, stage, inputs)
        assert torch.equal(feat, other(inputs)[0])


@pytest.mark.parametrize('name, last, rest', [
    ('ResNet', 'layer3', 'layer4'),
    ('ConvNeXt', 'stages.2', 'stages.3'),
    ('Swin', 'stages.2', 'stages.3'),
    ('VisionTransformer', 'layers.1', 'layers.2'),
])
def test_forward_stops_at_the_stage(name, last, rest):
    backbone = backbone_of(name)
    stage = find_feature_stage(backbone)
    counts = calls(backbone, last, rest)
    inputs = torch.randn(2, 3, *BACKBONES[name][2])
    forward_to_stage(backbone, stage, inputs)
    assert counts == {last: 1, rest: 0}
    backbone(inputs)  # the hook of before is gone
    assert counts == {last: 2, rest: 1}


def test_hooks_are_gone_after_an_error():
    backbone = backbone_of('ResNet')
    stage = find_feature_stage(backbone)
    with pytest.raises(RuntimeError):
        forward_to_stage(backbone, stage, torch.randn(2, 5, 64, 64))
    assert not backbone.layer3._forward_hooks


@pytest.mark.parametrize('name, stages', [
    ('ResNet', r'\[1, 2, 3, 4\]'),
    ('VisionTransformer', r'\[1, 2, 3, 4\]'),
    ('DeiT', r'\[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12\]'),
])
@pytest.mark.parametrize('stage', [0, 13, -1, 2.5])
def test_unknown_stage(name, stages, stage):
    with pytest.raises(
            ValueError, match=f'must be one of {stages}, got {stage}'):
        find_feature_stage(backbone_of(name), stage)


class Vectors(nn.Module):

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 224**2, 2))

    def forward(self, inputs):
        return (self.net(inputs), )


def test_backbone_without_maps():
    with pytest.raises(ValueError, match='Vectors puts out no feature map'):
        find_feature_stage(Vectors())


@pytest.mark.parametrize('name', ['ResNet', 'Swin', 'MobileNetV3'])
def test_probing_leaves_no_trace(name):
    backbone = backbone_of(name)
    backbone.train()
    next(backbone.children()).eval()
    modes = {key: part.training for key, part in backbone.named_modules()}
    state = network_state(backbone)
    random_state = torch.get_rng_state()
    find_feature_stage(backbone)
    assert modes == {
        key: part.training
        for key, part in backbone.named_modules()
    }
    for key, value in network_state(backbone).items():
        assert torch.equal(value, state[key]), key
    assert torch.equal(random_state, torch.get_rng_state())
    assert not any(part._forward_hooks for part in backbone.modules())
    assert all(param.grad is None for param in backbone.parameters())


@pytest.mark.parametrize('name', BACKBONES)
def test_map_on_the_way_to_the_output(name):
    backbone = backbone_of(name)
    stage = find_feature_stage(backbone)
    inputs = torch.randn(2, 3, *BACKBONES[name][2])
    outputs, feat = forward_with_stage(backbone, stage, inputs)
    assert torch.equal(feat, forward_to_stage(backbone, stage, inputs))
    for output, expected in zip(outputs, backbone(inputs)):
        assert torch.equal(output, expected)


@pytest.mark.parametrize('name, modules', [
    ('ResNet', ['layer1', 'layer2', 'layer3', 'layer4']),
    ('Swin', ['stages.0', 'stages.1', 'stages.2', 'stages.3']),
    ('VisionTransformer', ['layers.0', 'layers.1', 'layers.2', 'layers.3']),
    ('DeiT', ['layers.2', 'layers.5', 'layers.8', 'layers.11']),
])
def test_levels_are_quarters_of_a_plain_transformer(name, modules):
    backbone = backbone_of(name)
    found = [find_level(backbone, level).name for level in (1, 2, 3, 4)]
    assert found == modules


def test_a_shallow_transformer_has_a_module_for_each_level():
    backbone = backbone_of('VisionTransformer', arch=vit_arch(3))
    found = [find_level(backbone, level).name for level in (1, 2, 3, 4)]
    assert found == ['layers.0', 'layers.0', 'layers.1', 'layers.2']
