"""Options that leave out work of the Mixer's training."""
import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmpretrain.registry import MODELS

from samix_mm.engine.hooks.training_check_hook import _check_unused_parameters
from samix_mm.models import Pairing, Sources
from tests.helpers.tiny import (BACKBONES, batch, build, fix_pairings, loader,
                                make_runner, model_cfg, sgd)
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, moco_cfg, views

ALGORITHMS = ['classifier', 'infonce', 'cluster']


def samix(**kwargs):
    return dict(type='SAMix', **kwargs)


WITHOUT_DROPOUT = dict(type='Mixer', dropout=0.)


def model_and_data(name, **kwargs):
    if name == 'classifier':
        inputs, _, samples = batch(4)
        return build(**kwargs).train(), dict(
            inputs=inputs, data_samples=samples)
    if name == 'cluster':
        kwargs.update(objective=CLUSTERS)
    inputs, samples = views(4)
    model = build_moco(**kwargs).train()
    return model, dict(inputs=inputs, data_samples=samples)


def passes_of(network, step):
    """Sizes of the batches that a network sees, with and without graph."""
    seen = dict(graph=[], plain=[])

    def record(module, args):
        kind = 'graph' if args[0].requires_grad else 'plain'
        seen[kind].append(len(args[0]))

    handle = network.register_forward_pre_hook(record)
    step()
    handle.remove()
    return seen


def test_a_part_of_the_batch_is_mixed():
    """Its losses are those of a smaller batch; all images are seen clean."""
    mixing = samix(mixer=WITHOUT_DROPOUT)
    model, data = model_and_data(
        'classifier', mix_batch_ratio=0.6, mixing=mixing)
    seen = passes_of(model.backbone, lambda: model.loss(**data))
    assert seen['plain'] == [4, 3]  # clean and mixed
    seen = passes_of(model.momentum_net.backbone, lambda: model.loss(**data))
    assert seen['graph'] == [3]

    model.eval()
    small, _ = model_and_data('classifier', mixing=mixing)
    small.eval().load_state_dict(model.state_dict())
    losses = model.loss(**data)
    expected = small.loss(data['inputs'][:3], data['data_samples'][:3])
    for name in ('loss_mix', 'loss_mixer', 'loss_mask'):
        torch.testing.assert_close(losses[name], expected[name])
    whole = model.clean_head.loss(
        model.extract_feat(data['inputs']), data['data_samples'])
    torch.testing.assert_close(losses['loss_clean'], whole['loss'])


def mixer_state(model):
    return torch.cat([
        value.flatten().double().clone()
        for value in model.mixing.mixer.state_dict().values()
    ])


@pytest.mark.parametrize('name', ALGORITHMS)
@pytest.mark.parametrize('ratio, num', [(1., 4), (0.75, 3), (0.6, 3),
                                        (0.01, 2)])
def test_the_mixer_learns_from_a_part_of_the_batch(name, ratio, num):
    model, data = model_and_data(
        name, mixing=samix(mixer_batch_ratio=ratio))
    whole = passes_of(model.backbone, lambda: model.loss(**data))['plain']
    assert whole == [4, 4]  # clean and mixed
    mixed = passes_of(model.momentum_net.backbone,
                      lambda: model.loss(**data))['graph']
    assert mixed == [num]
    for _ in range(4):  # two images may be their own partners
        model.loss(**data)['loss_mixer'].backward()
    assert any(param.grad.abs().max() > 0
               for param in model.mixing.mixer.parameters())


@pytest.mark.parametrize('name', ['classifier', 'infonce'])
def test_a_part_is_the_loss_of_these_images(name):
    """As if the batch were no larger, where nothing else depends on it."""
    model, data = model_and_data(
        name, mixing=samix(mixer_batch_ratio=0.5, mixer=WITHOUT_DROPOUT))
    model.eval()
    loss = model.loss(**data)['loss_mixer']
    small, _ = model_and_data(name, mixing=samix(mixer=WITHOUT_DROPOUT))
    small.eval().load_state_dict(model.state_dict())
    small.mixing.pairings.restart(small.mixing.pairings.seed)
    cut = slice(2)
    inputs = data['inputs']
    inputs = inputs[cut] if name == 'classifier' else [
        view[cut] for view in inputs
    ]
    if name == 'infonce':
        small.queue.copy_(build_moco().queue)
    expected = small.loss(inputs, data['data_samples'][cut])['loss_mixer']
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize('name', ALGORITHMS)
def test_the_mixer_learns_every_third_step(name):
    model, data = model_and_data(name, mixing=samix(mixer_interval=3))
    optim_wrapper = sgd(model, lr=1.)
    changed, logged = [], []
    for step in range(5):
        if step == 2:  # a resumed run goes on where it was
            state = model.state_dict()
            model, _ = model_and_data(name, mixing=samix(mixer_interval=3))
            model.load_state_dict(state)
            optim_wrapper = sgd(model, lr=1.)
        weight = model.mixing.mixer.query.weight.detach().clone()
        log_vars = model.train_step(data, optim_wrapper)
        model.update_momentum_net(0.9)
        changed.append(
            not torch.equal(weight, model.mixing.mixer.query.weight))
        logged.append('loss_mixer' in log_vars)
    assert changed == logged == [True, False, False, True, False]


class LossNames(Hook):
    """Keeps the names of what each iteration logs."""

    def __init__(self):
        self.names = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.names.append(set(outputs))


@pytest.mark.parametrize('counts', [1, 2, 3])
def test_the_interval_counts_optimizer_steps(tmp_path, counts):
    """Every micro-batch of such a step trains the Mixer."""
    recorder = LossNames()
    runner = make_runner(
        tmp_path,
        model=model_cfg(mixing=samix(mixer_interval=2)),
        max_epochs=1,
        dataloader=loader(18, batch_size=2),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.01), accumulative_counts=counts))
    runner.register_hook(recorder)
    runner.train()
    found = ['loss_mixer' in names for names in recorder.names]
    assert found == [number // counts % 2 == 0 for number in range(9)]
    assert found == ['loss_mask' in names for names in recorder.names]


def test_accumulated_gradients_of_the_mixer_are_those_of_the_whole_batch():
    """Not a fraction of them; where nothing depends on the batch's size."""
    mixing = samix(mixer=WITHOUT_DROPOUT, mixer_interval=2)
    lams = torch.tensor([0.3, 0.6, 0.45, 0.2])
    index = torch.tensor([1, 0])
    inputs, _, data_samples = batch(4)
    parts = [slice(2), slice(2, 4)]

    def steps(data, pairings, counts):
        """Gradients of the Mixer in each of four optimizer steps."""
        model = build(mixing=copy.deepcopy(mixing))
        model.load_state_dict(state)
        model.eval()
        optim_wrapper = OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.),
            accumulative_counts=counts)
        optim_wrapper.initialize_count_status(model, 0, 4 * counts)
        grads, step = [], optim_wrapper.step

        def record(**kwargs):
            grad = model.mixing.mixer.query.weight.grad
            grads.append(None if grad is None else grad.clone())
            step(**kwargs)

        optim_wrapper.step = record
        for _ in range(4):
            for part, pairing in zip(data, pairings):
                fix_pairings(model, pairing, pairing)
                model.train_step(part, optim_wrapper)
            model.update_momentum_net(1.)
        return grads

    state = build(mixing=copy.deepcopy(mixing)).state_dict()
    whole = steps([dict(inputs=inputs, data_samples=data_samples)],
                  [Pairing(lams, torch.cat([index, 2 + index]))], 1)
    accumulated = steps(
        [dict(inputs=inputs[part], data_samples=data_samples[part])
         for part in parts],
        [Pairing(lams[part], index) for part in parts], 2)
    assert len(whole) == len(accumulated) == 4
    for number, (expected, found) in enumerate(zip(whole, accumulated)):
        if number % 2:
            assert all(grad is None or not grad.any()
                       for grad in (expected, found))
        else:
            assert expected.abs().max() > 1e-4
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def checkpoint_of(model, folder):
    path = folder / 'trained.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


@pytest.mark.parametrize('name', ['classifier', 'infonce'])
def test_a_frozen_mixer(name, tmp_path):
    trained, data = model_and_data(name)
    trained.mixing.mixer.gamma.data.fill_(0.7)
    init_cfg = dict(
        type='Pretrained', checkpoint=checkpoint_of(trained, tmp_path),
        prefix='mixing.mixer.')
    torch.manual_seed(5)
    model, _ = model_and_data(
        name, mixing=samix(
            frozen=True, mixer=dict(type='Mixer', init_cfg=init_cfg)))
    for key, value in trained.mixing.mixer.state_dict().items():
        assert torch.equal(model.mixing.mixer.state_dict()[key], value), key
    before = mixer_state(model)
    assert not model.mixing.mixer.training and model.training
    seen = passes_of(model.momentum_net.backbone,
                     lambda: model.train_step(data, sgd(model, lr=1.)))
    assert seen['graph'] == []
    assert torch.equal(mixer_state(model), before)
    losses = model.loss(**data)
    assert not {'loss_mixer', 'loss_mask'} & set(losses)
    assert losses['gamma'] == pytest.approx(0.7)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert all(param.grad is not None for param in model.parameters()
               if param.requires_grad)


def test_masks_of_a_frozen_mixer_still_have_the_ratio_as_mean(tmp_path):
    init_cfg = dict(
        type='Pretrained', checkpoint=checkpoint_of(build(), tmp_path),
        prefix='mixing.mixer.')
    model = build(mixing=samix(
            frozen=True, mixer=dict(type='Mixer', init_cfg=init_cfg)))
    inputs, _, _ = batch(4)
    pairing = model.mixing.draw(4, inputs.device)._replace(lam=0.3)
    sources = Sources(inputs, features=model.features_of(inputs))
    mixture = model.mixing.mix(sources, pairing)
    torch.testing.assert_close(mixture.shares[:, 0], torch.full((4, ), 0.3))
    means = mixture.mask.mean(dim=(1, 2, 3))
    torch.testing.assert_close(means, torch.full((4, ), 0.3))
    assert mixture.mask.std() > 1e-4


def test_a_frozen_mixer_needs_weights():
    with pytest.raises(ValueError, match='a frozen Mixer needs the weights'):
        build(mixing=samix(frozen=True))
    with pytest.raises(ValueError, match='is frozen'):
        build_moco(objective=CLUSTERS, mixing=samix(frozen=True))


@pytest.mark.parametrize('name', ['classifier', 'infonce'])
def test_a_given_feature_extractor(name, tmp_path):
    """It feeds the Mixer in evaluation mode, and nothing trains it."""
    source, data = model_and_data(name)
    backbone = dict(
        BACKBONES['ResNet_CIFAR'][0],
        init_cfg=dict(
            type='Pretrained', checkpoint=checkpoint_of(source, tmp_path),
            prefix='backbone.'))
    model, _ = model_and_data(name, feature_net=backbone)
    net = model.feature_net
    weights = source.backbone.state_dict()
    for key, value in net.backbone.state_dict().items():
        assert torch.equal(value, weights[key]), key
    assert model.training and not any(
        part.training for part in net.modules())
    inputs = data['inputs']
    inputs = inputs if name == 'classifier' else inputs[0]
    feats = source.eval().backbone.conv1(inputs)
    feats = source.backbone.relu(source.backbone.bn1(feats))
    for stage in ('layer1', 'layer2', 'layer3'):
        feats = getattr(source.backbone, stage)(feats)
    torch.testing.assert_close(model.features_of(inputs), feats)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    model.train_step(data, sgd(model, lr=1.))
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_a_frozen_mixer_with_an_extractor_needs_no_momentum_pass(tmp_path):
    source, data = model_and_data('classifier')
    init_cfg = dict(
        type='Pretrained', checkpoint=checkpoint_of(source, tmp_path))
    model, _ = model_and_data(
        'classifier',
        mixing=samix(
            frozen=True,
            mixer=dict(
                type='Mixer', init_cfg=dict(init_cfg,
                                            prefix='mixing.mixer.'))),
        feature_net=dict(
            BACKBONES['ResNet_CIFAR'][0],
            init_cfg=dict(init_cfg, prefix='backbone.')))
    assert model.momentum_net is None
    model.loss(**data)
    kept, _ = model_and_data(
        'classifier',
        mixing=model.mixing,
        feature_net=model.feature_net.backbone,
        momentum_net=True)
    seen = passes_of(kept.momentum_net.backbone, lambda: kept.loss(**data))
    assert seen == dict(graph=[], plain=[])


def test_an_extractor_needs_weights():
    with pytest.raises(ValueError, match='weights of a pre-trained feature_n'):
        build(feature_net=BACKBONES['ResNet_CIFAR'][0])


@pytest.mark.parametrize('kwargs, message', [
    (dict(mixer_batch_ratio=0.), r'mixer_batch_ratio must be in \(0, 1\]'),
    (dict(mixer_batch_ratio=1.5), 'got 1.5'),
    (dict(mixer_interval=0), 'mixer_interval must be 1 or more, got 0'),
    (dict(mixer_interval=-2), 'mixer_interval must be 1 or more, got -2'),
])
def test_refuses_wrong_numbers(kwargs, message):
    for make in (model_cfg, moco_cfg):
        with pytest.raises(ValueError, match=message):
            MODELS.build(make(mixing=samix(**kwargs)))


def test_processes_would_wait_for_a_mixer_that_is_not_trained():
    model = build(mixing=samix(mixer_interval=2))
    wrapper = SimpleNamespace(module=model, find_unused_parameters=False)
    with pytest.raises(ValueError, match='find_unused_parameters = True'):
        _check_unused_parameters(wrapper)
    wrapper.find_unused_parameters = True
    _check_unused_parameters(wrapper)
    model.mixing.mixer_interval, wrapper.find_unused_parameters = 1, False
    _check_unused_parameters(wrapper)
