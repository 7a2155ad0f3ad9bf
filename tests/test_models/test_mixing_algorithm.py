"""The momentum network of an algorithm, its checkpoints and copies."""
import copy
import io
import pickle

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS

from tests.helpers.tiny import (assert_same, batch, build, model_cfg,
                                momentum_params, network_state, separate, sgd,
                                stock_cfg)
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views


def test_momentum_network_starts_as_a_copy():
    model = MODELS.build(model_cfg())
    separate(model).init_weights()
    state = model.state_dict()
    twin = model.momentum_net.state_dict()
    assert {key.split('.')[0] for key in twin} == {
        'backbone', 'head', 'clean_head'
    }
    assert_same(twin, {key: state[key] for key in twin}, rtol=0, atol=0)


def test_momentum_network_starts_as_a_copy_under_several_init_cfgs():
    """As in Swin's configs."""
    model = build(init_cfg=[
        dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.),
        dict(type='Constant', layer='LayerNorm', val=1., bias=0.),
    ])
    copies = model.momentum_net.state_dict()
    for name, value in model.state_dict().items():
        if name in copies:
            assert torch.equal(value, copies[name]), name


def test_second_init_weights_keeps_the_momentum_network():
    model = build()
    separate(model)
    before = momentum_params(model)
    model.init_weights()
    assert_same(momentum_params(model), before, rtol=0, atol=0)


def test_pretrained_backbone_reaches_the_momentum_network(tmp_path):
    path = str(tmp_path / 'stock.pth')
    source = MODELS.build(stock_cfg())
    torch.save(dict(state_dict=source.state_dict()), path)
    cfg = model_cfg()
    cfg['backbone']['init_cfg'] = dict(
        type='Pretrained', checkpoint=path, prefix='backbone.')
    model = MODELS.build(cfg)
    model.init_weights()
    for net in (model.backbone, model.momentum_net.backbone):
        assert_same(
            net.state_dict(), source.backbone.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize('how', ['init_cfg', 'pretrained'])
def test_pretrained_model_keeps_its_momentum_network(tmp_path, how):
    path = str(tmp_path / 'samix.pth')
    source = separate(build())
    torch.save(dict(state_dict=source.state_dict()), path)
    how = (
        dict(pretrained=path) if how == 'pretrained' else dict(
            init_cfg=dict(type='Pretrained', checkpoint=path)))
    model = build(**how)
    assert_same(
        network_state(model), network_state(source), rtol=0, atol=0)


def test_stock_classifier_loads_the_online_network(tmp_path):
    model = separate(build())
    model.train()
    model.loss(*batch()[::2])  # statistics of their own
    model.eval()
    path = str(tmp_path / 'samix.pth')
    torch.save(dict(state_dict=model.state_dict()), path)

    stock = MODELS.build(stock_cfg())
    own = ('backbone.', 'neck.', 'head.')
    keys = [key for key in model.state_dict() if key.startswith(own)]
    assert keys == list(stock.state_dict())
    load_checkpoint(stock, path, map_location='cpu')
    stock.eval()
    inputs, _, _ = batch()
    logits = [net.head(net.extract_feat(inputs)) for net in (model, stock)]
    torch.testing.assert_close(*logits, rtol=0, atol=1e-6)


def test_follows_the_checkpoint_of_a_stock_classifier(tmp_path):
    stock = separate(MODELS.build(stock_cfg()))
    path = str(tmp_path / 'stock.pth')
    torch.save(dict(state_dict=stock.state_dict()), path)
    model = build()
    load_checkpoint(model, path, map_location='cpu')
    twin = momentum_params(model)
    for key, param in stock.named_parameters():
        assert torch.equal(model.get_parameter(key), param)
        assert torch.equal(twin[key], param)


def plain_state(model):
    """Of the online network alone, as a plain classifier saves it."""
    state = {
        key: value.clone()
        for key, value in model.state_dict().items()
        if key.startswith(('backbone.', 'neck.', 'head.'))
    }
    for value in state.values():
        if value.is_floating_point():
            value += 1.
    return state


# Copies

ALGORITHMS = dict(
    samix=lambda: build(),
    vanilla=lambda: build(
        type='MixClassifier', mixing=dict(type='Vanilla'), momentum_net=True),
    without=lambda: build(
        type='MixClassifier',
        mixing=dict(
            type='RandomChoice',
            methods=[
                dict(type=name)
                for name in ('MixUp', 'CutMix', 'FMix', 'ResizeMix',
                             'ManifoldMix')
            ])),
    infonce=lambda: build_moco(),
    cluster=lambda: build_moco(objective=CLUSTERS),
    moco=lambda: build_moco(type='MixMoCo', mixing=dict(type='CutMix')))
WITH_MOMENTUM = [name for name in ALGORITHMS if name != 'without']


def data_of(model):
    if hasattr(model, 'queue'):
        inputs, data_samples = views()
    else:
        inputs, _, data_samples = batch()
    return dict(inputs=inputs, data_samples=data_samples)


def trained(name):
    model = ALGORITHMS[name]().train()
    optim_wrapper = sgd(model)
    for _ in range(2):
        model.train_step(data_of(model), optim_wrapper)
        model.update_momentum_net(0.9)
    return model


@pytest.mark.parametrize('name', WITH_MOMENTUM)
def test_a_copy_that_loads_leaves_the_original_alone(name):
    """MMEngine's EMAHook loads into a deep copy."""
    model = separate(ALGORITHMS[name]())
    other = copy.deepcopy(model)
    before = network_state(model)
    other.load_state_dict(plain_state(model), strict=False)
    assert_same(network_state(model), before, rtol=0, atol=0)
    for key, value in other.momentum_net.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    assert not torch.equal(other.backbone.conv1.weight,
                           model.backbone.conv1.weight)


def by_torch(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = dict(
    deepcopy=copy.deepcopy,
    pickle=lambda model: pickle.loads(pickle.dumps(model)),
    torch=by_torch)


@pytest.mark.parametrize('name', ALGORITHMS)
@pytest.mark.parametrize('how', COPIES)
def test_copies_train_as_the_original(name, how):
    """With its ratios, its momentum network and its checkpoints."""
    model = trained(name)
    other = COPIES[how](model)
    before = network_state(model)
    steps = []
    for net in (model, other):
        torch.manual_seed(3)
        optim_wrapper = sgd(net)
        net.train_step(data_of(net), optim_wrapper)
        net.update_momentum_net(0.5)
        steps.append(net.state_dict())
        if net is model:
            assert_same(network_state(other), before, rtol=0, atol=0)
    assert_same(*steps, rtol=0, atol=0)
    assert any(
        not torch.equal(value, before[key])
        for key, value in steps[1].items() if key.startswith('backbone'))
    if other.momentum_net is not None:
        other.load_state_dict(plain_state(other), strict=False)
        weight = other.momentum_net.backbone.conv1.weight
        assert torch.equal(weight, other.backbone.conv1.weight)
        assert not torch.equal(weight,
                               model.momentum_net.backbone.conv1.weight)
