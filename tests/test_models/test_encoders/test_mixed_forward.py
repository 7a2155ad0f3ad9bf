"""Maps are mixed inside a network, wherever that is."""
import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from samix_mm.models.encoders import find_level, mixing_inside
from samix_mm.models.encoders.feature_stage import FeatureStage
from samix_mm.models.mixing import Mixture
from tests.helpers.tiny import BACKBONES

#: One of each way to put maps out: tensors, tokens with a class token, pairs
#: of tokens and their grid.
KINDS = ('ResNet', 'ResNet_CIFAR', 'ConvNeXt', 'Swin', 'VisionTransformer')
NUM = 4
INDEX = torch.tensor([[0, 2], [1, 0], [2, 3]])  # M = 3 of N = 4 images


class Network(nn.Module):
    """Not linear up to ``body``, and linear from there on."""

    def __init__(self, wrap=lambda maps: maps):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), _Wrap(wrap))
        self.tail = nn.Linear(4, 5)

    def forward(self, inputs):
        maps = self.body(inputs)
        maps = maps[0] if isinstance(maps, (tuple, list)) else maps
        return self.tail(maps.mean(dim=(2, 3)))


class _Wrap(nn.Module):

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, maps):
        return self.wrap(maps)


STAGES = {2: FeatureStage('body', 4, 2)}


def mixture(images, lam, companions=None, level=2):
    shares = torch.tensor([lam, lam / 2, 1.])
    return Mixture(
        images, INDEX, torch.stack([shares, 1 - shares], dim=1), level=level,
        companions=companions)


def noise(num=NUM, size=(9, 7), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 3, *size, generator=generator)


@pytest.mark.parametrize(
    'wrap', [lambda maps: maps, lambda maps: (maps, (1, 2)),
             lambda maps: [maps, 'grid']], ids=['map', 'tuple', 'list'])
@pytest.mark.parametrize('cross', [False, True])
def test_with_a_linear_tail_outputs_are_mixed_as_the_maps(wrap, cross):
    network, images = Network(wrap).eval(), noise()
    partners = noise(seed=1) if cross else images
    mixed = mixture(images[:3], 0.3, companions=partners)
    with mixing_inside(network, mixed, STAGES) as inputs:
        found = network(inputs)
    shares = mixed.shares
    expected = (shares[:, :1] * network(images[:3])
                + shares[:, 1:] * network(partners)[INDEX[:, 1]])
    assert found.shape == (3, 5)
    torch.testing.assert_close(found, expected)


def test_images_that_are_their_own_partners_run_once():
    network, images = Network(), noise(3)
    index = torch.tensor([[0, 2], [1, 0], [2, 1]])
    mixed = mixture(images, 0.4)._replace(index=index)
    with mixing_inside(network, mixed, STAGES) as inputs:
        assert inputs is images
        found = network(inputs)
    with mixing_inside(
            network, mixed._replace(companions=images), STAGES) as inputs:
        torch.testing.assert_close(network(inputs), found)


def test_mixed_pixels_run_as_they_are():
    network, images = Network(), noise(3)
    with mixing_inside(network, mixture(images, 0.4, level=0),
                       {}) as inputs:
        assert inputs is images
        assert len(network.body._forward_hooks) == 0


def test_gradients_reach_both_images():
    network = Network()
    images, partners = noise(3).requires_grad_(), noise(seed=1)
    mixed = mixture(images, 0.3, companions=partners.requires_grad_())
    with mixing_inside(network, mixed, STAGES) as inputs:
        network(inputs).sum().backward()
    for row, partner in INDEX.tolist():
        share = mixed.shares[row]
        assert (images.grad[row].abs().sum() > 0) == (share[0] > 0)
        assert (partners.grad[partner].abs().sum() > 0) == (share[1] > 0)
    assert partners.grad[1].abs().sum() == 0  # nobody's partner


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_the_hook_is_called_once_and_removed_whatever_happens(error):
    network = Network()
    with mixing_inside(network, mixture(noise(3), 0.3, noise()),
                       STAGES) as inputs:
        assert len(network.body._forward_hooks) == 1
        network(inputs)
    assert len(network.body._forward_hooks) == 0
    with pytest.raises(error):
        with mixing_inside(network, mixture(noise(3), 0.3, noise()), STAGES):
            raise error
    assert len(network.body._forward_hooks) == 0


def test_a_level_that_is_not_reached_is_complained_of():
    network = Network()
    stages = {2: FeatureStage('unused', 4, 2)}
    network.unused = nn.Identity()
    with pytest.raises(RuntimeError, match='Network ends before level 2'):
        with mixing_inside(network, mixture(noise(3), 0.3, noise()),
                           stages) as inputs:
            network(inputs)
    assert len(network.unused._forward_hooks) == 0


def test_only_pairs_are_mixed():
    three = Mixture(
        noise(3), torch.zeros(3, 3).long(), torch.full((3, 3), 1 / 3), level=2)
    with pytest.raises(ValueError, match='got 3 sources'):
        with mixing_inside(Network(), three, STAGES):
            pass


@pytest.mark.parametrize('level', [1, 2, 3, 4])
@pytest.mark.parametrize('name', KINDS)
def test_all_of_what_a_backbone_passes_on_is_mixed(name, level):
    """Of share 1 it puts out the first image, of share 0 the partner, whole:
    with its class token and its place in the grid."""
    cfg, _, size, _ = BACKBONES[name]
    torch.manual_seed(0)
    backbone = MODELS.build(dict(cfg))
    backbone.eval()
    stages = {level: find_level(backbone, level)}
    images, partners = noise(size=size), noise(size=size, seed=1)
    shares = torch.tensor([[1., 0.], [0., 1.], [0.5, 0.5]])
    mixed = Mixture(
        images[:3], INDEX, shares, level=level, companions=partners)
    with torch.no_grad():
        with mixing_inside(backbone, mixed, stages) as inputs:
            assert len(inputs) == 3 + NUM
            found = backbone(inputs)[-1]
        of_images, of_partners = (
            backbone(part)[-1] for part in (images, partners))
    assert len(found) == 3
    torch.testing.assert_close(
        found[0], of_images[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        found[1], of_partners[0], rtol=1e-4, atol=1e-5)
    for whole in (of_images[2], of_partners[3]):
        assert not torch.allclose(found[2], whole, rtol=1e-3, atol=1e-4)
