import mmengine.runner
import pytest
import torch
from torch import nn

from samix_mm.models.encoders import MomentumNetwork, sync_if_absent


class Online(nn.Module):
    """Modules and a copy of them that follows, as in an algorithm."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)
        self.other = nn.Linear(2, 2)
        self.momentum_net = MomentumNetwork(
            backbone=self.backbone, neck=None, head=self.head)
        self.register_load_state_dict_post_hook(sync_if_absent)


def copy_equals_online(model):
    return all(
        torch.equal(value, model.state_dict()[key])
        for key, value in model.momentum_net.state_dict().items())


def randomise(module):
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.uniform_()


def test_starts_as_an_independent_copy():
    model = Online()
    assert copy_equals_online(model)
    model.head.weight.data += 1
    assert not copy_equals_online(model)
    assert model.momentum_net.neck is None
    assert not hasattr(model.momentum_net, 'other')


def test_requires_no_gradient_but_passes_it():
    model = Online()
    network = model.momentum_net
    assert not any(param.requires_grad for param in network.parameters())
    assert all(param.requires_grad for param in model.head.parameters())
    inputs = torch.randn(5, 3, requires_grad=True)
    network.head(network.backbone(inputs)).square().sum().backward()
    assert inputs.grad.abs().sum() > 0
    assert all(param.grad is None for param in network.parameters())


def test_sequence_of_updates():
    model = Online()
    values = torch.tensor([1., -2., 5., 0.5])
    momenta = [0.9, 0.5, 0., 0.99]
    model.momentum_net.head.weight.data.fill_(4.)
    expected = 4.
    for value, momentum in zip(values, momenta):
        model.head.weight.data.fill_(value)
        model.momentum_net.update(model, momentum)
        expected = momentum * expected + (1 - momentum) * value.item()
        torch.testing.assert_close(model.momentum_net.head.weight,
                                   torch.full((2, 4), expected))
        assert model.momentum_net.momentum == momentum


def test_momentum_is_the_weight_kept():
    model = Online()
    before = [param.clone() for param in model.momentum_net.parameters()]
    randomise(model)
    kept = [param.clone() for param in model.momentum_net.parameters()]
    model.momentum_net.update(model, 1.)
    for param, value in zip(model.momentum_net.parameters(), kept):
        assert torch.equal(param, value)
    model.momentum_net.update(model, 0.)
    copies = model.momentum_net.named_parameters()
    for (name, param), value in zip(copies, before):
        torch.testing.assert_close(param, model.get_parameter(name))
        assert not torch.equal(param, value)


def test_buffers_are_its_own():
    model = Online()
    model.backbone(torch.randn(6, 3) + 3)  # moves the running statistics
    model.backbone[1].weight.data.fill_(7.)
    model.momentum_net.update(model, 0.)
    norm = model.momentum_net.backbone[1]
    assert (norm.weight == 7).all()
    assert (norm.running_mean == 0).all() and (norm.running_var == 1).all()
    assert norm.num_batches_tracked == 0


def test_sync_copies_buffers_as_well():
    model = Online()
    model.backbone(torch.randn(6, 3) + 3)
    randomise(model.head)
    model.momentum_net.sync(model)
    assert copy_equals_online(model)
    assert model.momentum_net.backbone[1].num_batches_tracked == 1
    assert not any(
        param.requires_grad for param in model.momentum_net.parameters())


@pytest.mark.parametrize('momentum', [-0.1, 1.1, float('nan'), None])
def test_refuses_momentum(momentum):
    with pytest.raises(ValueError, match=r'momentum must be in \[0, 1\]'):
        Online().momentum_net.update(Online(), momentum)


def load_with_torch(model, state):
    return model.load_state_dict(state, strict=False)


def load_with_mmengine(model, state):
    mmengine.runner.load_state_dict(model, state, strict=False)


LOADERS = pytest.mark.parametrize('load',
                                  [load_with_torch, load_with_mmengine])


@LOADERS
def test_follows_a_checkpoint_without_it(load):
    source, model = Online(), Online()
    randomise(source)
    state = {
        key: value
        for key, value in source.state_dict().items()
        if not key.startswith('momentum_net.')
    }
    load(model, state)
    assert torch.equal(model.head.weight, source.head.weight)
    assert copy_equals_online(model)


@LOADERS
def test_follows_a_checkpoint_with_a_part_of_the_online_network(load):
    source, model = Online(), Online()
    randomise(source)
    load(
        model, {
            f'backbone.{key}': value
            for key, value in source.backbone.state_dict().items()
        })
    assert torch.equal(model.momentum_net.backbone[0].weight,
                       source.backbone[0].weight)
    assert copy_equals_online(model)


@LOADERS
def test_keeps_what_a_checkpoint_has_for_it(load):
    source, model = Online(), Online()
    randomise(source)
    assert not copy_equals_online(source)
    load(model, source.state_dict())
    for key, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


def test_absent_copies_are_not_reported_missing():
    source, model = Online(), Online()
    state = {
        key: value
        for key, value in source.state_dict().items()
        if not key.startswith('momentum_net.')
    }
    assert model.load_state_dict(state).missing_keys == []
    del state['head.bias']
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert missing == ['head.bias']
