"""Converted backbones compute the same features in other projects."""
import pickle
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from mmengine.registry import MODELS
from torch import nn

from samix_mm.checkpoints.converters import (backbone_state, to_detectron2,
                                             to_torchvision)
from samix_mm.checkpoints.loading import UnsafeCheckpointError
from tests.test_checkpoints.test_loading import CreatesFile

TOOLS = Path(__file__).parents[2] / 'tools/model_converters'
NETWORKS = [('ResNet', 18, 'resnet18'), ('ResNet', 50, 'resnet50'),
            ('ResNeXt', 50, 'resnext50_32x4d')]
COUNTERS = re.compile(r'.*num_batches_tracked')


def build_backbone(kind, depth, **kwargs):
    """A network whose weights, norms and statistics are all random."""
    torch.manual_seed(0)
    backbone = MODELS.build(
        dict(type=f'mmpretrain.{kind}', depth=depth, **kwargs))
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, std=0.1)
    backbone.eval()  # gives nothing back in MMPretrain
    return backbone


def make_checkpoint(backbone):
    """As a training with SAMix writes it: two networks and a head."""
    state = {'head.fc.weight': torch.zeros(10, 512)}
    for name, weight in backbone.state_dict().items():
        state[f'momentum_net.backbone.{name}'] = torch.zeros_like(weight)
        state[f'backbone.{name}'] = weight
    return dict(meta=dict(epoch=1), state_dict=state)


def features_of(name, weights):
    """What torchvision computes before its classifier, (2, C)."""
    network = getattr(torchvision.models, name)().eval()
    result = network.load_state_dict(weights, strict=False)
    assert not result.unexpected_keys
    assert {key for key in result.missing_keys if not COUNTERS.match(key)
            } == {'fc.weight', 'fc.bias'}
    network.fc = nn.Identity()
    return network(images()).detach()


def images():
    return torch.randn(
        2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def expected_features(backbone):
    return backbone(images())[-1].mean(dim=(2, 3)).detach()


def from_detectron2(arrays):
    """Torchvision's names, read off Detectron2's by their parts."""
    weights = {}
    for name, array in arrays.items():
        first, *parts, last = name.split('.')
        if first == 'stem':
            number = '1'
            prefix = ''
        else:
            stage = {'res2': 1, 'res3': 2, 'res4': 3, 'res5': 4}[first]
            number = parts[1].replace('conv', '')
            prefix = f'layer{stage}.{parts[0]}.'
        norm = parts[-1] == 'norm'
        if number == 'shortcut':
            module = 'downsample.1' if norm else 'downsample.0'
        else:
            module = f'bn{number}' if norm else f'conv{number}'
        weights[f'{prefix}{module}.{last}'] = torch.from_numpy(array)
    return weights


@pytest.mark.parametrize('kind, depth, name', NETWORKS)
def test_torchvision_computes_the_same(kind, depth, name):
    backbone = build_backbone(kind, depth)
    weights = to_torchvision(backbone_state(make_checkpoint(backbone)))
    torch.testing.assert_close(
        features_of(name, weights), expected_features(backbone),
        rtol=1e-5, atol=1e-5)
    network = getattr(torchvision.models, name)()
    assert set(weights) == set(network.state_dict()) - {'fc.weight', 'fc.bias'}


@pytest.mark.parametrize('kind, depth, name', NETWORKS)
def test_detectron2_has_all_that_computes(kind, depth, name):
    backbone = build_backbone(kind, depth)
    arrays = to_detectron2(backbone_state(make_checkpoint(backbone)))
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    torch.testing.assert_close(
        features_of(name, from_detectron2(arrays)),
        expected_features(backbone), rtol=1e-5, atol=1e-5)


def test_detectron2s_names():
    backbone = build_backbone('ResNet', 50)
    arrays = to_detectron2(backbone_state(make_checkpoint(backbone)))
    norms = ('weight', 'bias', 'running_mean', 'running_var')
    expected = {
        f'{conv}.{leaf}'
        for conv in ('stem.conv1', *(
            f'res{stage}.{block}.{conv}'
            for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3))
            for block in range(blocks)
            for conv in ('conv1', 'conv2', 'conv3', 'shortcut')
            if block == 0 or conv != 'shortcut'))
        for leaf in ('weight', *(f'norm.{norm}' for norm in norms))
    }
    assert set(arrays) == expected
    np.testing.assert_array_equal(
        arrays['res5.0.shortcut.norm.running_var'],
        backbone.layer4[0].downsample[1].running_var.numpy())


class TestWhatIsTaken:

    def test_a_prefix_chooses_the_network(self):
        state = {'backbone.conv1.weight': 1, 'net.backbone.conv1.weight': 2}
        assert backbone_state(state) == {'conv1.weight': 1}
        for prefix in ('net.backbone', 'net.backbone.'):
            chosen = backbone_state(dict(state_dict=state), prefix)
            assert chosen == {'conv1.weight': 2}

    def test_an_absent_prefix_is_told_with_the_keys(self):
        state = {f'encoder.{number}': 0 for number in range(9)}
        with pytest.raises(
                ValueError, match=r"begins with 'backbone\.'; its keys are "
                r'encoder\.0, encoder\.1, encoder\.2, encoder\.3, \.\.\.: '):
            backbone_state(dict(state_dict=state))

    @pytest.mark.parametrize('convert', [to_torchvision, to_detectron2])
    def test_a_deep_stem_is_refused(self, convert):
        backbone = MODELS.build(dict(type='mmpretrain.ResNetV1d', depth=50))
        with pytest.raises(ValueError, match=r'deep stem \(ResNetV1c'):
            convert(backbone.state_dict())

    def test_another_network_is_refused(self):
        backbone = MODELS.build(dict(type='mmpretrain.SEResNet', depth=50))
        with pytest.raises(ValueError, match='does not have, layer1.0.se_l'):
            to_torchvision(backbone.state_dict())
        with pytest.raises(ValueError, match='no conv1.weight, only bn1.bias'):
            to_torchvision({'bn1.bias': torch.zeros(1)})


class TestTools:

    @pytest.fixture
    def trained(self, tmp_path):
        backbone = build_backbone('ResNet', 18)
        path = tmp_path / 'epoch_1.pth'
        torch.save(make_checkpoint(backbone), path)
        return backbone, path

    @staticmethod
    def run(tool, *args):
        done = subprocess.run(
            [sys.executable, str(TOOLS / f'backbone_to_{tool}.py'),
             *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_torchvision(self, trained, tmp_path):
        backbone, path = trained
        out = tmp_path / 'backbone.pth'
        assert 'backbone.pth: 120 tensors' in self.run(
            'torchvision', path, out)
        weights = torch.load(out, weights_only=True)
        torch.testing.assert_close(
            features_of('resnet18', weights), expected_features(backbone),
            rtol=1e-5, atol=1e-5)

    def test_detectron2(self, trained, tmp_path):
        _, path = trained
        out = tmp_path / 'backbone.pkl'
        self.run('detectron2', path, out, '--prefix', 'momentum_net.backbone.')
        converted = pickle.loads(out.read_bytes())
        assert converted.pop('model')['stem.conv1.weight'].max() == 0
        assert converted == dict(
            __author__='samix_mm', matching_heuristics=True)

    @pytest.mark.parametrize('tool', ['torchvision', 'detectron2'])
    def test_code_is_refused(self, tool, trained, tmp_path, monkeypatch):
        backbone, path = trained
        victim, out = tmp_path / 'victim', tmp_path / 'out'
        torch.save(
            dict(make_checkpoint(backbone), extra=CreatesFile(victim)), path)
        tool = str(TOOLS / f'backbone_to_{tool}.py')
        monkeypatch.setattr(sys, 'argv', [tool, str(path), str(out)])
        with pytest.raises(UnsafeCheckpointError, match='could run code'):
            runpy.run_path(tool, run_name='__main__')
        assert not victim.exists()
        assert not out.exists()
