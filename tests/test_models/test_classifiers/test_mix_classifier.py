from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils.flop_counter import FlopCounterMode

from samix_mm.models import MaskMethod, MixingMethod, Mixture, Pairing
from samix_mm.models.mixing_algorithm import METHOD_ARGUMENTS
from samix_mm.registry import MIXING_METHODS
from tests.helpers.tiny import (BACKBONES, NUM_CLASSES, Recorder, assert_same,
                                batch, build, fix_pairings, make_runner,
                                model_cfg, online_state, separate, sgd,
                                stock_cfg)

EMA = dict(type='EMAMomentumHook')
PREPROCESSOR = dict(mean=[127., 120., 110.], std=[60., 50., 40.])
ETA_HEAD = dict(type='EtaBalancedClsHead')
INDEX = torch.tensor([1, 2, 0, 4, 3])
LAMS = torch.tensor([0.3, 0.55, 0.2, 0.7, 0.9])
#: Methods that need neither features nor weights of their own.
HAND_MADE = ['Vanilla', 'MixUp', 'CutMix', 'FMix', 'ResizeMix', 'ManifoldMix']


def mix(name='MixUp', *args, mixing=None, **kwargs):
    """A ``MixClassifier`` with a method."""
    return build(
        *args, type='MixClassifier', mixing=mixing or dict(type=name),
        **kwargs)


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


def forwards(network, step):
    """Sizes of the batches a network is given."""
    seen = []
    handle = network.register_forward_pre_hook(
        lambda module, args: seen.append(len(args[0])))
    step()
    handle.remove()
    return seen


def share_changed(state, before):
    changed = [not torch.equal(state[key], before[key]) for key in before]
    return sum(changed) / len(changed)


# What is built


@pytest.mark.parametrize('name', HAND_MADE)
def test_a_hand_made_method_costs_what_vanilla_training_costs(name):
    """No momentum network, no features, one pass, no other weights."""
    stock = MODELS.build(stock_cfg()).train()
    model = mix(name).train()
    assert model.momentum_net is None and model.clean_head is None
    assert model.feature_net is None and model.feature_stage is None
    assert not any(model.mixing.parameters())
    inputs, _, data_samples = batch()
    losses = {}
    seen = forwards(model.backbone,
                    lambda: losses.update(model.loss(inputs, data_samples)))
    assert seen == [5]
    assert {key for key in losses if 'loss' in key} == {'loss_mix'}
    assert [key for key, _ in model.named_parameters()
            ] == [key for key, _ in stock.named_parameters()]
    flops = []
    for net in (stock, model):
        with FlopCounterMode(display=False) as counter:
            total(net.loss(inputs, data_samples)).backward()
        flops.append(counter.get_total_flops())
    assert flops[0] == flops[1]


@pytest.mark.parametrize('kwargs, momentum_net, stage', [
    (dict(name='MixUp'), False, False),
    (dict(name='MixUp', momentum_net=True), True, False),
    (dict(name='Vanilla', momentum_net=True), True, False),
    (dict(name='SAMix'), True, True),
    (dict(mixing=dict(
        type='RandomChoice',
        methods=[dict(type='MixUp'), dict(type='CutMix')])), False, False),
])
def test_what_a_method_needs_decides_what_is_built(kwargs, momentum_net,
                                                   stage):
    model = mix(**kwargs)
    assert (model.momentum_net is not None) == momentum_net
    assert (model.feature_stage is not None) == stage
    assert any('momentum_net' in key
               for key in model.state_dict()) == momentum_net


@pytest.mark.parametrize('name', ['Vanilla', 'MixUp'])
def test_a_momentum_network_for_evaluation(name, tmp_path):
    """It costs no pass, follows in a runner, and predicts."""
    model = mix(name, momentum_net=True).train()
    inputs, _, data_samples = batch()
    seen = forwards(model.momentum_net.backbone,
                    lambda: model.loss(inputs, data_samples))
    assert seen == []
    cfg = model_cfg(
        type='MixClassifier', mixing=dict(type=name), momentum_net=True,
        momentum=0.9, end_momentum=0.9, data_preprocessor=PREPROCESSOR,
        test_cfg=dict(predict_on='momentum_mixed'))
    runner = make_runner(tmp_path, model=cfg, max_epochs=1)
    recorder, model = Recorder(), runner.model
    runner.register_hook(recorder)
    runner.train()
    twin = recorder.first
    for online, found in zip(recorder.online, recorder.momentum_net):
        twin = {key: 0.9 * twin[key] + 0.1 * online[key] for key in twin}
        assert_same(found, twin, rtol=1e-5, atol=1e-7)
    assert share_changed(twin, recorder.first) > 0.5
    model.eval()
    twin = model.momentum_net
    expected = twin.head(twin.neck(twin.backbone(inputs))).softmax(dim=1)
    scores = torch.stack(
        [sample.pred_score for sample in model.predict(inputs)])
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize('kwargs, expected', [
    (dict(), ['online_mixed']),
    (dict(clean_weight=1.), ['online_mixed', 'online_clean']),
    (dict(clean_weight=1., clean_head=False), ['online_mixed']),
    (dict(momentum_net=True), ['online_mixed', 'momentum_mixed']),
    (dict(momentum_net=True, clean_weight=0.5),
     ['online_mixed', 'online_clean', 'momentum_mixed', 'momentum_clean']),
])
def test_predictors(kwargs, expected):
    model = mix(**kwargs)
    assert model.predictors == expected
    for model.predict_on in expected:
        assert len(model.predict(batch()[0])) == 5


def test_needs_no_hook(tmp_path):
    """And nobody misses one: the runner trains all weights."""
    cfg = model_cfg(
        type='MixClassifier', mixing=dict(type='CutMix'),
        data_preprocessor=PREPROCESSOR)
    runner = make_runner(
        tmp_path, model=cfg, hooks=[dict(type='PlainCheckpointHook')])
    before = online_state(runner.model)
    runner.train()
    assert runner.iter == 6
    assert runner.model.mixing.pairings.num_draws == 6
    assert share_changed(online_state(runner.model), before) > 0.9


def test_a_needless_hook_gets_a_sentence(tmp_path):
    cfg = model_cfg(type='MixClassifier', mixing=dict(type='CutMix'))
    runner = make_runner(tmp_path, model=cfg, hooks=[EMA])
    with pytest.raises(
            TypeError, match='EMAMomentumHook needs a model with a momentum '
            r'network .* got MixClassifier without; leave the hook out or '
            r'write model=dict\(momentum_net=True\)'):
        runner.train()


# Losses


def test_vanilla_is_the_stock_classifier():
    """Losses, gradients and statistics of MMPretrain's, bit for bit."""
    stock = MODELS.build(stock_cfg())
    separate(stock).train()
    model = mix('Vanilla').train()
    model.load_state_dict(stock.state_dict(), strict=False)
    inputs, _, data_samples = batch()
    expected = stock.loss(inputs, data_samples)['loss']
    losses = model.loss(inputs, data_samples)
    assert torch.equal(losses['loss_mix'], expected)
    expected.backward()
    total(losses).backward()
    params = dict(model.named_parameters())
    assert params.keys() == dict(stock.named_parameters()).keys()
    for key, param in stock.named_parameters():
        assert torch.equal(params[key].grad, param.grad), key
    for key, value in stock.named_buffers():
        assert torch.equal(model.get_buffer(key), value), key


def test_clean_loss_through_the_same_head_is_regmixup():
    """The sum of both losses, computed here once more."""
    model = separate(mix('MixUp', clean_weight=1., clean_head=False)).eval()
    assert model.clean_head is None
    inputs, labels, data_samples = batch()
    fix_pairings(model, Pairing(LAMS, INDEX))
    losses = model.loss(inputs, data_samples)
    lam = LAMS.view(-1, 1, 1, 1)
    mixed = lam * inputs + (1 - lam) * inputs[INDEX]

    def log_prob(images):
        feats = model.backbone(images)[-1].mean(dim=(2, 3))
        logits = feats @ model.head.fc.weight.t() + model.head.fc.bias
        return logits.log_softmax(dim=1)

    rows = torch.arange(5)
    clean = -log_prob(inputs)[rows, labels].mean()
    of_mixed = log_prob(mixed)
    mix_loss = -(LAMS * of_mixed[rows, labels] +
                 (1 - LAMS) * of_mixed[rows, labels[INDEX]]).mean()
    torch.testing.assert_close(losses['loss_clean'], clean)
    torch.testing.assert_close(losses['loss_mix'], mix_loss)
    params = [model.head.fc.weight, model.backbone.conv1.weight]
    for found, expected in zip(
            torch.autograd.grad(total(losses), params),
            torch.autograd.grad(clean + mix_loss, params)):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_clean_loss_through_a_head_of_its_own():
    model = separate(mix('MixUp', clean_weight=0.5)).eval()
    inputs, labels, data_samples = batch()
    loss = model.loss(inputs, data_samples)['loss_clean']
    logits = model.clean_head(model.extract_feat(inputs))
    torch.testing.assert_close(loss, 0.5 * F.cross_entropy(logits, labels))
    loss.backward()
    assert model.head.fc.weight.grad is None
    assert model.clean_head.fc.weight.grad.any()


def test_weights_scale_the_losses():
    model = mix('MixUp', clean_weight=1.).eval()
    data = batch()[::2]
    fix_pairings(model, *[Pairing(0.4, INDEX)] * 2)
    plain = model.loss(*data)
    model.mix_weight, model.clean_weight = 3., 0.25
    scaled = model.loss(*data)
    for name, factor in (('loss_mix', 3.), ('loss_clean', 0.25)):
        torch.testing.assert_close(scaled[name], factor * plain[name])


def test_a_head_that_nothing_trains_is_frozen():
    """Or several processes would wait for its gradients."""
    model = mix('MixUp', clean_weight=1., mix_weight=0.).train()
    losses = model.loss(*batch()[::2])
    assert 'loss_mix' not in losses
    total(losses).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key
        assert param.requires_grad != key.startswith('head.'), key


@pytest.mark.parametrize('kwargs', [
    dict(), dict(clean_weight=1.), dict(clean_weight=1., clean_head=False),
    dict(momentum_net=True), dict(mix_batch_ratio=0.5)
])
@pytest.mark.parametrize('name', HAND_MADE)
def test_every_trainable_parameter_gets_a_gradient(name, kwargs):
    model = mix(name, **kwargs).train()
    total(model.loss(*batch()[::2])).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key


@pytest.mark.parametrize('name', BACKBONES)
def test_trains_any_backbone_inside_and_outside(name):
    """ManifoldMix finds its levels in all of them."""
    model = mix('ManifoldMix', name).train()
    inputs, _, data_samples = batch(5, BACKBONES[name][2])
    before = online_state(model)
    for _ in range(4):
        log_vars = model.train_step(
            dict(inputs=inputs, data_samples=data_samples), sgd(model))
        assert torch.isfinite(log_vars['loss'])
    changed = [
        key for key, value in online_state(model).items()
        if not torch.equal(value, before[key])
    ]
    assert len(changed) > len(before) / 2


def test_bfloat16_autocast():
    for name in HAND_MADE:
        model = mix(name, clean_weight=1.).train()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = model.loss(*batch()[::2])
        assert total(losses).isfinite(), name
        total(losses).backward()
        for key, param in model.named_parameters():
            if param.requires_grad:
                assert param.grad.isfinite().all(), (name, key)


# Methods of others


@MIXING_METHODS.register_module()
class LeftHalf(MaskMethod):
    """The left half of each image and the right one of its partner."""

    def masks(self, sources, pairing):
        height, width = sources.images.shape[2:]
        mask = torch.zeros(len(pairing.index), 1, height, width)
        mask[..., :width // 2] = 1
        return mask


@MIXING_METHODS.register_module()
class ThreeOfThem(MixingMethod):
    """The mean of an image and two partners."""

    needs = frozenset({'labels'})
    num_sources = frozenset({3})

    def mix(self, sources, pairing):
        assert sources.labels is not None
        first = torch.arange(len(pairing.index))
        index = torch.stack([first, pairing.index, pairing.index.flip(0)], 1)
        inputs = sources.images[index].mean(dim=1)
        return Mixture(inputs, index, torch.full(index.shape, 1 / 3))


@MIXING_METHODS.register_module()
class NeedsScores(LeftHalf):
    needs = frozenset({'scores'})


def test_a_method_in_a_file_of_its_own():
    model = mix('LeftHalf').eval()
    inputs, labels, data_samples = batch()
    fix_pairings(model, Pairing(0.9, INDEX))
    loss = model.loss(inputs, data_samples)['loss_mix']
    mixed = torch.cat([inputs[..., :14], inputs[INDEX][..., 14:]], dim=3)
    log_prob = model.head(model.extract_feat(mixed)).log_softmax(dim=1)
    share = 14 / 29  # what is shown, not the ratio
    rows = torch.arange(5)
    expected = -(share * log_prob[rows, labels] +
                 (1 - share) * log_prob[rows, labels[INDEX]]).mean()
    torch.testing.assert_close(loss, expected)


def test_a_method_with_three_sources():
    model = mix('ThreeOfThem').eval()
    inputs, labels, data_samples = batch()
    fix_pairings(model, Pairing(0.9, INDEX))
    loss = model.loss(inputs, data_samples)['loss_mix']
    index = [torch.arange(5), INDEX, INDEX.flip(0)]
    mixed = sum(inputs[part] for part in index) / 3
    log_prob = model.head(model.extract_feat(mixed)).log_softmax(dim=1)
    rows = torch.arange(5)
    expected = -sum(log_prob[rows, labels[part]] for part in index).mean() / 3
    torch.testing.assert_close(loss, expected)


def test_refuses_a_method_that_needs_what_it_cannot_give():
    with pytest.raises(
            ValueError, match=r"NeedsScores needs \['scores'\], which "
            'MixClassifier cannot give; choose another method'):
        mix('NeedsScores')


# Heads


HEADS = dict(
    linear=dict(type='LinearClsHead'),
    smoothed=dict(
        type='LinearClsHead',
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1)),
    stacked=dict(type='StackedLinearClsHead', mid_channels=[6]),
    vision_transformer=dict(type='VisionTransformerClsHead', hidden_dim=6),
    eta_balanced=ETA_HEAD,
    arcface=dict(type='ArcFaceClsHead', scale=4.))


@pytest.mark.parametrize('method', ['SAMix', 'Vanilla', 'ThreeOfThem'])
@pytest.mark.parametrize('name', HEADS)
def test_heads(name, method):
    model = mix(method, head=HEADS[name], clean_weight=1.).train()
    data = dict(zip(('inputs', 'data_samples'), batch()[::2]))
    for _ in range(2):
        log_vars = model.train_step(data, sgd(model))
        assert all(torch.as_tensor(v).isfinite() for v in log_vars.values())
    model.eval()
    predictions = model.predict(data['inputs'])
    assert predictions[0].pred_score.shape == (NUM_CLASSES, )


def test_the_balanced_head_has_the_loss_of_the_paper_by_default():
    """Eq. 3, which is eta=1: a stock head gives the same."""
    losses, state = [], separate(mix('MixUp')).state_dict()
    for head in (None, ETA_HEAD):
        model = mix('MixUp', head=head).eval()
        model.load_state_dict(state)
        fix_pairings(model, Pairing(LAMS, INDEX))
        losses.append(model.loss(*batch()[::2])['loss_mix'])
    torch.testing.assert_close(*losses)


# Prediction


@pytest.mark.parametrize('predict_on', [
    'online_mixed', 'online_clean', 'momentum_mixed', 'momentum_clean', None
])
def test_predict_on(predict_on):
    model = separate(build(test_cfg=dict(predict_on=predict_on)))
    model.eval()
    network, head = (predict_on or 'online_mixed').split('_')
    source = model if network == 'online' else model.momentum_net
    head = source.head if head == 'mixed' else source.clean_head
    inputs, _, data_samples = batch()
    expected = head(source.neck(source.backbone(inputs))).softmax(dim=1)
    predictions = model.predict(inputs, data_samples)
    scores = torch.stack([sample.pred_score for sample in predictions])
    torch.testing.assert_close(scores, expected)
    # written into the samples that were given, which keep their labels
    assert all(one is other for one, other in zip(predictions, data_samples))
    assert 'gt_label' in predictions[0]


def test_the_four_heads_predict_differently():
    model = separate(build())
    model.eval()
    scores = []
    for model.predict_on in ('online_mixed', 'online_clean', 'momentum_mixed',
                             'momentum_clean'):
        scores.append(model.predict(batch()[0])[0].pred_score)
    distances = torch.pdist(torch.stack(scores))
    assert (distances > 1e-4).all()


def test_logits_are_of_the_online_mixed_head():
    model = separate(build())
    model.eval()
    inputs, _, _ = batch()
    assert torch.equal(
        model(inputs, mode='tensor'), model.head(model.extract_feat(inputs)))


# Configs


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(momentum=1.1), ValueError, r'momentum must be in \[0, 1\]'),
    (dict(end_momentum=-1), ValueError, r'end_momentum must be in \[0, 1\]'),
    (dict(clean_weight=-1), ValueError,
     'clean_weight must be a number of 0 or more, got -1'),
    (dict(mix_weight=-1), ValueError, 'mix_weight must be a number'),
    (dict(mix_weight=0, clean_weight=0, mixing=dict(type='MixUp')),
     ValueError,
     'nothing to learn: all of clean_weight, mix_weight are 0'),
    (dict(mix_batch_ratio=0), ValueError, r'mix_batch_ratio must be in \(0, '),
    (dict(clean_head='no'), ValueError, 'clean_head must be True or False'),
    (dict(momentum_net=1), ValueError, 'momentum_net must be True or False'),
    (dict(mixing='FMix'), TypeError,
     r"mixing must be a config such as dict\(type='SAMix'\), got 'FMix'"),
    (dict(mixing=dict(alpha=1.)), TypeError,
     r"written as dict\(type='SAMix', ...\), got {'alpha': 1.0}"),
    (dict(mixing=dict(type='Fmix')), KeyError,
     "no mixing method 'Fmix', did you mean 'FMix'"),
    (dict(mixing=dict(type='MixUp'), feature_net=dict(type='ResNet')),
     ValueError, 'feature_net gives features, but MixUp works without'),
    (dict(feature_stage=5), ValueError,
     r'feature_stage of ResNet_CIFAR must be one of \[1, 2, 3, 4\], got 5'),
    (dict(test_cfg=dict(predict_on='online')), ValueError,
     "test_cfg.predict_on must be one of .* got 'online'"),
    (dict(test_cfg=dict(predict='online_mixed')), ValueError,
     'test_cfg must be such as'),
    (dict(train_cfg=dict(augments=dict(type='Mixup', alpha=0.2))), ValueError,
     'mix images themselves and need hard labels.*train_cfg=None'),
    (dict(data_preprocessor=dict(to_onehot=True, num_classes=4)), ValueError,
     'the data preprocessor has to_onehot'),
])
def test_refuses_configs(kwargs, error, message):
    with pytest.raises(error, match=message):
        MODELS.build(model_cfg(**kwargs))


def test_refuses_no_head():
    cfg = model_cfg()
    cfg['head'] = None
    with pytest.raises(
            ValueError, match='a classification head is needed, got head=No'):
        MODELS.build(cfg)


def test_refuses_one_class():
    cfg = model_cfg()
    cfg['head']['num_classes'] = 1
    with pytest.raises(
            ValueError, match='num_classes must be 2 or more .* got 1'):
        MODELS.build(cfg)


def test_refuses_a_batch_of_one():
    inputs, _, data_samples = batch(1)
    with pytest.raises(
            ValueError, match='at least 2 images in a batch, got 1.*'
            'drop_last=True'):
        build().loss(inputs, data_samples)


def test_refuses_soft_labels():
    inputs, _, _ = batch(2)
    soft = [
        DataSample().set_gt_score(torch.full((NUM_CLASSES, ), 0.25))
        for _ in range(2)
    ]
    with pytest.raises(ValueError, match=r'labels are soft \(gt_score\)'):
        build().loss(inputs, soft)


def test_refuses_several_labels():
    inputs, _, data_samples = batch(2)
    data_samples[0].set_gt_label([0, 1])
    with pytest.raises(
            ValueError, match='one label, got 3 labels for 2 images'):
        build().loss(inputs, data_samples)


def test_refuses_to_predict_with_a_head_that_is_not_there():
    model = build(clean_weight=0.)
    model.predict_on = 'online_clean'
    with pytest.raises(
            ValueError, match="predict_on must be one .* got 'online_clean'"):
        model.predict(batch()[0])


def test_building_does_not_change_the_config():
    cfg = model_cfg(mixing=dict(type='SAMix', mixer=dict(type='Mixer')))
    before = deepcopy(cfg)
    MODELS.build(cfg)
    for key in ('mixing', 'head', 'backbone'):
        assert cfg[key] == before[key]


@pytest.mark.parametrize('predict_on', ['momentum_mixed', 'online_clean'])
def test_refuses_a_head_that_is_not_there(predict_on):
    with pytest.raises(
            ValueError, match=r"must be one of \['online_mixed'\], got "
            f"'{predict_on}'; clean heads need clean_weight > 0, momentum "
            'ones momentum_net=True'):
        mix(test_cfg=dict(predict_on=predict_on))


# Arguments in their old place


@pytest.mark.parametrize('algorithm', ['SAMixClassifier', 'MixClassifier'])
@pytest.mark.parametrize('name', METHOD_ARGUMENTS)
def test_arguments_of_the_method(name, algorithm):
    cfg = model_cfg(
        type=algorithm, mixing=dict(type='SAMix'), **{name: 0.25})
    with pytest.raises(
            TypeError, match=f'{name} is an argument of the mixing method; '
            rf"write mixing=dict\(type='SAMix', {name}=0.25\) in place of "
            f'{name}=0.25 in {algorithm}'):
        MODELS.build(cfg)


def test_all_arguments_of_the_method_but_new_ones_are_known():
    """None of them was spelled otherwise."""
    import inspect

    from samix_mm.models import SAMix
    own = set(inspect.signature(SAMix).parameters)
    assert own - set(METHOD_ARGUMENTS) == {'frozen'}


@pytest.mark.parametrize('name, value, message', [
    ('onehot_weight', 0.5,
     'has no onehot_weight; write clean_weight=0.5 in its place'),
    ('cleanweight', 1, 'got an unexpected argument cleanweight=1'),
])
def test_arguments_that_moved_or_never_were(name, value, message):
    with pytest.raises(TypeError, match=message):
        build(**{name: value})


def test_every_entry_of_moved_is_covered():
    from samix_mm.models.classifiers.mix_classifier import MOVED
    assert set(MOVED) == {'onehot_weight'}
