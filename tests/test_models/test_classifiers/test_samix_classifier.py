from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.runner import load_checkpoint
from mmengine.utils import import_modules_from_strings
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from samix_mm.models import MaskLoss, MixingPolicy, SAMixClassifier
from samix_mm.models.classifiers.labels import mixed_loss
from samix_mm.models.mixing.pairing import Pair
from tests.helpers.tiny import (BACKBONES, NUM_CLASSES, assert_same, batch,
                                build, model_cfg, momentum_params,
                                network_state, online_state, samples, sgd,
                                stock_cfg)

LOSSES = ('loss_mix', 'loss_onehot', 'loss_mixer', 'loss_mask')
LAMS = torch.tensor([0.3, 0.55, 0.2, 0.7, 0.9])
INDEX = torch.tensor([1, 2, 0, 4, 3])
ETA_HEAD = dict(type='EtaBalancedClsHead')


def total(losses):
    return sum(losses[name] for name in LOSSES if name in losses)


def parts(model):
    """Trainable parameters by the part they belong to."""
    found = {}
    for name, param in model.named_parameters():
        if param.requires_grad:
            found.setdefault(name.split('.')[0], {})[name] = param
    return found


def has_gradient(loss, params):
    grads = torch.autograd.grad(
        loss, list(params.values()), retain_graph=True, allow_unused=True)
    return any(grad is not None and grad.any() for grad in grads)


def fix_pairs(model, *pairs):
    """Let the model draw these pairs, the Mixer's before the online one."""
    pairs = list(pairs)
    model.pairs.draw = lambda num_samples, device: pairs.pop(0)


def separate(model):
    """Give every part weights of its own."""
    for index, (name, param) in enumerate(model.named_parameters()):
        generator = torch.Generator().manual_seed(index)
        noise = torch.randn(param.shape, generator=generator)
        if not name.startswith('mixer.gamma'):
            param.data += 0.1 * noise
    return model


# Training


@pytest.mark.parametrize('name', BACKBONES)
def test_trains(name):
    model = build(name)
    assert isinstance(model, SAMixClassifier)
    size = BACKBONES[name][2]
    model.train()
    # DDP without find_unused_parameters needs a gradient everywhere
    inputs, _, data_samples = batch(5, size)
    total(model.loss(inputs, data_samples)).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key
    model.zero_grad()

    optim_wrapper = sgd(model)
    online, twin = online_state(model), momentum_params(model)
    mixer = network_state(model.mixer)
    for step, num_images in enumerate((5, 5, 3)):
        inputs, _, data_samples = batch(num_images, size, seed=step)
        data = dict(inputs=inputs, data_samples=data_samples)
        log_vars = model.train_step(data, optim_wrapper)
        assert set(LOSSES) <= log_vars.keys()
        assert all(torch.as_tensor(v).isfinite() for v in log_vars.values())
        torch.testing.assert_close(
            log_vars['loss'], sum(log_vars[key] for key in LOSSES))
    assert any(
        not torch.equal(value, online[key])
        for key, value in online_state(model).items())
    assert any(
        not torch.equal(value, mixer[key])
        for key, value in network_state(model.mixer).items())
    assert_same(momentum_params(model), twin, rtol=0, atol=0)
    model.update_momentum_net(0.5)
    for key, value in momentum_params(model).items():
        expected = 0.5 * twin[key] + 0.5 * online_state(model)[key]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('kwargs', [
    dict(onehot_weight=0.),
    dict(head=ETA_HEAD),
    dict(lam_per_sample=True),
    dict(lam_adjust=False),
    dict(mixer=dict(type='Mixer', share_qk=True, learn_gamma=False)),
    dict(mixer=dict(type='Mixer', nonlinear_content=False)),
    dict(mask_loss_weight=0., mix_weight=0., mixer_weight=0.),
])
def test_every_trainable_parameter_gets_a_gradient(kwargs):
    model = build(**kwargs).train()
    inputs, _, data_samples = batch()
    total(model.loss(inputs, data_samples)).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key


def test_who_trains_whom():
    model = build().train()
    separate(model)
    inputs, _, data_samples = batch()
    losses = model.loss(inputs, data_samples)
    reached = {
        name: {
            part
            for part, params in parts(model).items()
            if has_gradient(losses[name], params)
        }
        for name in LOSSES
    }
    assert reached == dict(
        loss_mix={'backbone', 'head'},
        loss_onehot={'backbone', 'clean_head'},
        loss_mixer={'mixer'},
        loss_mask={'mixer'})
    total(losses).backward()
    twin = model.momentum_net
    assert all(param.grad is None for param in twin.parameters())
    assert not any(param.requires_grad for param in twin.parameters())


@pytest.mark.parametrize('loss', ['loss_mixer', 'loss_mask'])
def test_all_of_the_mixer_learns(loss):
    model = build(mixer=dict(type='Mixer', dropout=0.)).train()
    inputs, _, data_samples = batch()
    model.loss(inputs, data_samples)[loss].backward()
    for name, param in model.mixer.named_parameters():
        # A bias of the key adds the same to a whole row of the attention.
        if name != 'key.bias':
            assert param.grad.abs().sum() > 0, name


def pair_kinds():
    return [(Pair(0.35, INDEX.roll(1)), Pair(0.6, INDEX)),
            (Pair(LAMS.flip(0), INDEX.roll(1)), Pair(LAMS, INDEX))]


@pytest.mark.parametrize('pair_k, pair_q', pair_kinds())
@pytest.mark.parametrize('head, online_eta', [
    (None, 1.),
    (dict(ETA_HEAD, eta=0.4), 0.4),
])
def test_losses_of_a_step(pair_k, pair_q, head, online_eta):
    """Sec. A.1.2 once more, with the model's networks as black boxes."""
    eta, weights = 0.2, (0.7, 1.3, 0.9, 0.15)
    model = build(
        head=head,
        eta=eta,
        onehot_weight=weights[0],
        mix_weight=weights[1],
        mixer_weight=weights[2],
        mask_loss_weight=weights[3])
    separate(model).eval()
    inputs, labels, data_samples = batch()
    fix_pairs(model, pair_k, pair_q)
    losses = model.loss(inputs, data_samples)

    def mixed(mask, index):
        return mask * inputs + (1 - mask) * inputs[index]

    def mix_loss(logits, pair, eta):
        prob = logits.double().softmax(dim=1)
        lam = torch.as_tensor(pair.lam).double().expand(len(inputs))
        out = []
        for n in range(len(inputs)):
            a, b = labels[n], labels[pair.index[n]]
            p_a, p_b = prob[n, a], prob[n, b]
            both = p_a if a == b else p_a + p_b
            local = -(lam[n] * (p_a / both).log() +
                      (1 - lam[n]) * (p_b / both).log())
            out.append(local - eta * both.log())
        return torch.stack(out).mean().float()

    def logits(source, head, images):
        return head(source.neck(source.backbone(images)))

    twin = model.momentum_net
    with torch.no_grad():
        x = twin.backbone.conv1(inputs)
        x = twin.backbone.relu(twin.backbone.norm1(x))
        feats = twin.backbone.layer3(
            twin.backbone.layer2(twin.backbone.layer1(x)))
        mask_k, mask_q = (
            model.mixer(feats, feats[pair.index], pair.lam, inputs.shape[2:])
            for pair in (pair_k, pair_q))
        lam = torch.as_tensor(pair_q.lam).expand(5).view(-1, 1, 1, 1)
        mean = mask_q.mean(dim=(2, 3), keepdim=True)
        mask_q = torch.where(mean > lam, mask_q * lam / mean,
                             1 - (1 - mask_q) * (1 - lam) / (1 - mean))
        expected = dict(
            loss_onehot=F.cross_entropy(
                logits(model, model.clean_head, inputs), labels),
            loss_mix=mix_loss(
                logits(model, model.head, mixed(mask_q, pair_q.index)), pair_q,
                online_eta),
            loss_mixer=mix_loss(
                logits(twin, twin.head, mixed(mask_k, pair_k.index)), pair_k,
                eta))
        flat = mask_k.flatten(1)
        gap = (flat.mean(dim=1) - torch.as_tensor(pair_k.lam)).abs()
        expected['loss_mask'] = (
            (gap - 0.1).clamp(min=0) -
            2 * flat.var(dim=1, unbiased=False)).mean()
        names = ('loss_onehot', 'loss_mix', 'loss_mixer', 'loss_mask')
        for name, weight in zip(names, weights):
            torch.testing.assert_close(
                losses[name], weight * expected[name], rtol=1e-4, atol=1e-6,
                msg=lambda m, name=name: f'{name}: {m}')
        torch.testing.assert_close(losses['lam_gap'], gap.mean())
        torch.testing.assert_close(losses['mask_std'],
                                   flat.std(dim=1).mean())


def test_two_pairs_are_drawn_each_step():
    model = build().train()
    inputs, _, data_samples = batch()
    model.loss(inputs, data_samples)
    model.loss(inputs, data_samples)
    assert model.pairs.num_draws == 4


def test_alpha_reaches_the_stream():
    model = build(alpha=0.7, lam_per_sample=True)
    assert model.pairs.alpha == 0.7 and model.pairs.per_sample


def test_momentum_statistics_are_its_own():
    model = build().train()
    inputs, _, data_samples = batch()
    before = model.backbone.layer4[0].bn1.running_mean.clone()
    model.loss(10 * inputs, data_samples)
    online = model.backbone.layer4[0].bn1.running_mean
    twin = model.momentum_net.backbone.layer4[0].bn1.running_mean
    for mean in (online, twin):
        assert not torch.equal(mean, before)
    assert not torch.equal(online, twin)


def test_bfloat16_autocast():
    model = build().train()
    inputs, _, data_samples = batch()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model.loss(inputs, data_samples)
    total(losses).backward()
    for key, param in model.named_parameters():
        if param.requires_grad:
            assert param.grad.isfinite().all(), key
    assert all(losses[name].isfinite() for name in LOSSES)


def test_accuracy_is_of_clean_images():
    model = build(head=dict(cal_acc=True)).train()
    inputs, _, data_samples = batch()
    log_vars = model.loss(inputs, data_samples)
    assert [key for key in log_vars if 'accuracy' in key] == [
        'clean_accuracy_top-1'
    ]


def test_log_vars_are_not_added_to_the_loss():
    losses = build().loss(*batch()[::2])
    names = {'lam_gap', 'mask_std', 'gamma'}
    assert names <= losses.keys()
    assert not any('loss' in name for name in names)
    assert not any(losses[name].requires_grad for name in names)


def test_without_clean_images():
    model = build(onehot_weight=0.)
    assert model.clean_head is None and model.momentum_net.clean_head is None
    assert not any('clean_head' in key for key in model.state_dict())
    losses = model.loss(*batch()[::2])
    assert 'loss_onehot' not in losses


# Masks of the online network


def masks_of(model, lam):
    inputs, _, _ = batch()
    model.eval()
    projected = model.project(model.momentum_features(inputs))
    return model.online_masks(inputs, projected, Pair(lam, INDEX))[0]


@pytest.mark.parametrize('lam', [0.1, 0.3, 0.85, LAMS])
def test_online_masks_have_the_ratio_as_their_mean(lam):
    masks = masks_of(build(), lam)
    assert masks.shape == (5, 1, 31, 29) and not masks.requires_grad
    means = masks.mean(dim=(1, 2, 3))
    torch.testing.assert_close(
        means, torch.as_tensor(lam).expand(5), rtol=0, atol=1e-5)
    assert (masks.std(dim=(1, 2, 3)) > 1e-4).all()


@pytest.mark.parametrize('lam', [0.01, 0.079, 0.93, 1.])
def test_extreme_ratios_use_plain_mixup(lam):
    masks = masks_of(build(), lam)
    assert torch.equal(masks, torch.full((5, 1, 31, 29), lam))


def test_extreme_ratios_of_single_samples():
    lam = torch.tensor([0.02, 0.3, 0.95, 0.5, 0.0])
    masks = masks_of(build(lam_margin=0.08), lam)
    plain = masks.std(dim=(1, 2, 3)) < 1e-6
    assert plain.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(
        masks.mean(dim=(1, 2, 3)), lam, rtol=0, atol=1e-5)


def test_margin_of_zero_never_uses_plain_mixup():
    masks = masks_of(build(lam_margin=0.), 0.01)
    assert (masks.std(dim=(1, 2, 3)) > 1e-6).all()


def test_without_adjusting_masks_are_the_mixers():
    model = build(lam_adjust=False)
    inputs, _, _ = batch()
    model.eval()
    pair = Pair(0.2, INDEX)
    projected = model.project(model.momentum_features(inputs))
    expected = model.make_masks(inputs, projected, pair)
    masks, _ = model.online_masks(inputs, projected, pair)
    assert torch.equal(masks, expected)
    assert (expected.mean(dim=(1, 2, 3)) - 0.2).abs().max() > 0.01


@ROOT_MODELS.register_module()
class LeftHalf(MixingPolicy):
    """Takes the left half of each image and the right one of its partner."""

    def forward(self, feat_i, feat_j, lam, size):
        mask = feat_i.new_zeros(len(feat_i), 1, *size)
        mask[..., :size[1] // 2] = 1
        return mask


def test_policies_are_interchangeable():
    model = build(mixer=dict(type='LeftHalf'), lam_adjust=False)
    assert masks_of(model, 0.3)[..., :14].eq(1).all()
    assert masks_of(model, 0.3)[..., 14:].eq(0).all()
    losses = model.loss(*batch()[::2])
    assert all(losses[name].isfinite() for name in LOSSES)
    assert 'gamma' not in losses


def test_parts_may_be_modules_as_in_image_classifier():
    model = build(mixer=LeftHalf(), mask_loss=MaskLoss(margin=0.3))
    assert isinstance(model.mixer, LeftHalf)
    assert model.mask_loss.margin == 0.3


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


@pytest.mark.parametrize('name', HEADS)
def test_heads(name):
    model = build(head=HEADS[name]).train()
    data = dict(zip(('inputs', 'data_samples'), batch()[::2]))
    for _ in range(2):
        log_vars = model.train_step(data, sgd(model))
        assert all(torch.as_tensor(v).isfinite() for v in log_vars.values())
    model.eval()
    predictions = model.predict(data['inputs'])
    assert predictions[0].pred_score.shape == (NUM_CLASSES, )


@pytest.mark.parametrize('lam', [0.3, LAMS])
def test_soft_labels_give_the_loss_of_eta_one(lam):
    linear, balanced = (
        build(head=head).head
        for head in (None, dict(ETA_HEAD, eta=1.)))
    balanced.load_state_dict(linear.state_dict())
    feats = (torch.randn(5, 32), )
    label_i = torch.tensor([0, 1, 2, 3, 1])
    label_j = torch.tensor([3, 1, 0, 2, 0])
    losses = [
        mixed_loss(head, feats, label_i, label_j, lam)
        for head in (linear, balanced)
    ]
    torch.testing.assert_close(*losses)


# Momentum network and checkpoints


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


def test_drop_in_for_a_stock_config(tmp_path):
    path = tmp_path / 'drop_in.py'
    path.write_text(
        "_base_ = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'\n"
        "custom_imports = dict(imports=['samix_mm'])\n"
        "model = dict(type='SAMixClassifier')\n"
        "custom_hooks = [dict(type='EMAMomentumHook')]\n")
    cfg = Config.fromfile(str(path))
    import_modules_from_strings(**cfg.custom_imports)
    cfg.model.data_preprocessor = cfg.data_preprocessor
    model = MODELS.build(cfg.model)
    assert isinstance(model, SAMixClassifier)
    assert model.tap == ('layer3', 256, 3)
    assert model.momentum == 0.999 and model.end_momentum == 1.
    images = torch.randint(0, 256, (2, 3, 32, 32)).byte()
    data = dict(inputs=list(images), data_samples=samples([3, 8]))
    log_vars = model.train_step(data, sgd(model))
    assert torch.isfinite(log_vars['loss'])


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(eta=1.5), ValueError, r'eta must be in \[0, 1\], got 1.5'),
    (dict(alpha=0), ValueError, 'alpha must be above 0, got 0'),
    (dict(momentum=1.1), ValueError, r'momentum must be in \[0, 1\]'),
    (dict(end_momentum=-1), ValueError, r'end_momentum must be in \[0, 1\]'),
    (dict(lam_margin=0.6), ValueError,
     r'lam_margin must be in \[0, 0.5\], got 0.6'),
    (dict(lam_margin=-0.1), ValueError,
     r'lam_margin must be in \[0, 0.5\], got -0.1'),
    (dict(onehot_weight=-1), ValueError,
     'onehot_weight must be a number of 0 or more, got -1'),
    (dict(mix_weight=-1), ValueError, 'mix_weight must be a number'),
    (dict(mixer_weight=-1), ValueError, 'mixer_weight must be a number'),
    (dict(mask_loss_weight=-1), ValueError,
     'mask_loss_weight must be a number'),
    (dict(feature_stage=5), ValueError,
     r'feature_stage of ResNet_CIFAR must be one of \[1, 2, 3, 4\], got 5'),
    (dict(mixer=dict(type='MaskLoss')), TypeError,
     "mixer must be a mixing policy such as dict\\(type='Mixer'\\), got "
     'MaskLoss'),
    (dict(mixer=dict(type='Mixer', in_channels=7)), ValueError,
     'in_channels=7, but the features have 16'),
    (dict(test_cfg=dict(predict_on='online')), ValueError,
     "test_cfg.predict_on must be one of .* got 'online'"),
    (dict(train_cfg=dict(augments=dict(type='Mixup', alpha=0.2))), ValueError,
     'mixes images itself and needs hard labels.*train_cfg=None'),
    (dict(data_preprocessor=dict(to_onehot=True, num_classes=4)), ValueError,
     'the data preprocessor has to_onehot'),
])
def test_refuses_configs(kwargs, error, message):
    with pytest.raises(error, match=message):
        MODELS.build(model_cfg(**kwargs))


def test_refuses_no_head():
    cfg = model_cfg()
    cfg['head'] = None
    with pytest.raises(ValueError, match='needs a classification head'):
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
    model = build(onehot_weight=0.)
    model.predict_on = 'online_clean'
    with pytest.raises(ValueError, match='there is no clean head'):
        model.predict(batch()[0])


def test_building_does_not_change_the_config():
    cfg = model_cfg(mixer=dict(type='Mixer'))
    before = deepcopy(cfg)
    MODELS.build(cfg)
    for key in ('mixer', 'head', 'backbone'):
        assert cfg[key] == before[key]
