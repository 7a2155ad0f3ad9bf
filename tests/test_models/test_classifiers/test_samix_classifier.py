import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from mmpretrain.registry import MODELS

from samix_mm.models import (MaskLoss, MixClassifier, Mixer, MixUp, Pairing,
                             SAMix, SAMixClassifier, Sources)
from tests.helpers.tiny import (BACKBONES, assert_same, batch, build,
                                fix_pairings, model_cfg, momentum_params,
                                network_state, online_state, samples, separate,
                                sgd)

LOSSES = ('loss_mix', 'loss_clean', 'loss_mixer', 'loss_mask')
LAMS = torch.tensor([0.3, 0.55, 0.2, 0.7, 0.9])
INDEX = torch.tensor([1, 2, 0, 4, 3])
ETA_HEAD = dict(type='EtaBalancedClsHead')


def samix(**kwargs):
    return dict(type='SAMix', **kwargs)


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
    mixer = network_state(model.mixing.mixer)
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
        for key, value in network_state(model.mixing.mixer).items())
    assert_same(momentum_params(model), twin, rtol=0, atol=0)
    model.update_momentum_net(0.5)
    for key, value in momentum_params(model).items():
        expected = 0.5 * twin[key] + 0.5 * online_state(model)[key]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('kwargs', [
    dict(clean_weight=0.),
    dict(head=ETA_HEAD),
    dict(mixing=samix(lam_per_sample=True)),
    dict(mixing=samix(lam_adjust=False)),
    dict(mixing=samix(
        mixer=dict(type='Mixer', share_qk=True, learn_gamma=False))),
    dict(mixing=samix(mixer=dict(type='Mixer', nonlinear_content=False))),
    dict(
        mixing=samix(mask_loss_weight=0., mixer_weight=0.), mix_weight=0.),
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
        loss_clean={'backbone', 'clean_head'},
        loss_mixer={'mixing'},
        loss_mask={'mixing'})
    total(losses).backward()
    twin = model.momentum_net
    assert all(param.grad is None for param in twin.parameters())
    assert not any(param.requires_grad for param in twin.parameters())


@pytest.mark.parametrize('loss', ['loss_mixer', 'loss_mask'])
def test_all_of_the_mixer_learns(loss):
    model = build(mixing=samix(mixer=dict(type='Mixer', dropout=0.))).train()
    inputs, _, data_samples = batch()
    model.loss(inputs, data_samples)[loss].backward()
    for name, param in model.mixing.mixer.named_parameters():
        # A bias of the key adds the same to a whole row of the attention.
        if name != 'key.bias':
            assert param.grad.abs().sum() > 0, name


def pairing_kinds():
    return [(Pairing(0.35, INDEX.roll(1)), Pairing(0.6, INDEX)),
            (Pairing(LAMS.flip(0), INDEX.roll(1)), Pairing(LAMS, INDEX))]


@pytest.mark.parametrize('pairing_k, pairing_q', pairing_kinds())
@pytest.mark.parametrize('head, online_eta', [
    (None, 1.),
    (dict(ETA_HEAD, eta=0.4), 0.4),
])
def test_losses_of_a_step(pairing_k, pairing_q, head, online_eta):
    """Sec. A.1.2 once more, with the model's networks as black boxes."""
    eta, weights = 0.2, (0.7, 1.3, 0.9, 0.15)
    model = build(
        head=head,
        clean_weight=weights[0],
        mix_weight=weights[1],
        mixing=samix(
            eta=eta, mixer_weight=weights[2], mask_loss_weight=weights[3]))
    separate(model).eval()
    inputs, labels, data_samples = batch()
    fix_pairings(model, pairing_k, pairing_q)
    losses = model.loss(inputs, data_samples)

    def mixed(mask, index):
        return mask * inputs + (1 - mask) * inputs[index]

    def mix_loss(logits, pairing, eta):
        prob = logits.double().softmax(dim=1)
        lam = torch.as_tensor(pairing.lam).double().expand(len(inputs))
        out = []
        for n in range(len(inputs)):
            a, b = labels[n], labels[pairing.index[n]]
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
            model.mixing.mixer(feats, feats[pairing.index], pairing.lam,
                               inputs.shape[2:])
            for pairing in (pairing_k, pairing_q))
        lam = torch.as_tensor(pairing_q.lam).expand(5).view(-1, 1, 1, 1)
        mean = mask_q.mean(dim=(2, 3), keepdim=True)
        mask_q = torch.where(mean > lam, mask_q * lam / mean,
                             1 - (1 - mask_q) * (1 - lam) / (1 - mean))
        expected = dict(
            loss_clean=F.cross_entropy(
                logits(model, model.clean_head, inputs), labels),
            loss_mix=mix_loss(
                logits(model, model.head, mixed(mask_q, pairing_q.index)),
                pairing_q, online_eta),
            loss_mixer=mix_loss(
                logits(twin, twin.head, mixed(mask_k, pairing_k.index)),
                pairing_k, eta))
        flat = mask_k.flatten(1)
        gap = (flat.mean(dim=1) - torch.as_tensor(pairing_k.lam)).abs()
        expected['loss_mask'] = (
            (gap - 0.1).clamp(min=0) -
            2 * flat.var(dim=1, unbiased=False)).mean()
        names = ('loss_clean', 'loss_mix', 'loss_mixer', 'loss_mask')
        for name, weight in zip(names, weights):
            torch.testing.assert_close(
                losses[name], weight * expected[name], rtol=1e-4, atol=1e-6,
                msg=lambda m, name=name: f'{name}: {m}')
        torch.testing.assert_close(losses['lam_gap'], gap.mean())
        torch.testing.assert_close(losses['mask_std'],
                                   flat.std(dim=1).mean())


def test_two_pairings_are_drawn_each_step():
    model = build().train()
    inputs, _, data_samples = batch()
    model.loss(inputs, data_samples)
    model.loss(inputs, data_samples)
    assert model.mixing.pairings.num_draws == 4


def test_alpha_reaches_the_stream():
    pairings = build(mixing=samix(alpha=0.7,
                                  lam_per_sample=True)).mixing.pairings
    assert pairings.alpha == 0.7 and pairings.lam_per_sample


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
    model = build(clean_weight=0.)
    assert model.clean_head is None and model.momentum_net.clean_head is None
    assert not any('clean_head' in key for key in model.state_dict())
    losses = model.loss(*batch()[::2])
    assert 'loss_clean' not in losses


# Masks of the online network


def masks_of(model, lam):
    inputs, _, _ = batch()
    model.eval()
    sources = Sources(inputs, features=model.features_of(inputs))
    mixture = model.mixing.mix(sources, Pairing(lam, INDEX))
    # The labels' weights are the ratio, whatever the mask
    assert torch.equal(mixture.index[:, 1], INDEX)
    torch.testing.assert_close(mixture.shares[:, 0],
                               torch.as_tensor(lam).expand(5))
    return mixture.mask


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
    masks = masks_of(build(mixing=samix(lam_margin=0.08)), lam)
    plain = masks.std(dim=(1, 2, 3)) < 1e-6
    assert plain.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(
        masks.mean(dim=(1, 2, 3)), lam, rtol=0, atol=1e-5)


def test_margin_of_zero_never_uses_plain_mixup():
    masks = masks_of(build(mixing=samix(lam_margin=0.)), 0.01)
    assert (masks.std(dim=(1, 2, 3)) > 1e-6).all()


def test_without_adjusting_masks_are_the_mixers():
    model = build(mixing=samix(lam_adjust=False))
    masks = masks_of(model, 0.2)
    feats = model.features_of(batch()[0])
    expected = model.mixing.mixer(feats, feats[INDEX], 0.2, (31, 29))
    torch.testing.assert_close(masks, expected)
    assert (expected.mean(dim=(1, 2, 3)) - 0.2).abs().max() > 0.01


def test_parts_may_be_modules_as_in_image_classifier():
    mixer = Mixer(16)
    method = SAMix(mixer=mixer, mask_loss=MaskLoss(margin=0.3))
    model = build(mixing=method)
    assert model.mixing is method and model.mixing.mixer is mixer
    assert model.mixing.mask_loss.margin == 0.3


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
    assert model.feature_stage == ('layer3', 256, 3)
    assert model.momentum == 0.999 and model.end_momentum == 1.
    images = torch.randint(0, 256, (2, 3, 32, 32)).byte()
    data = dict(inputs=list(images), data_samples=samples([3, 8]))
    log_vars = model.train_step(data, sgd(model))
    assert torch.isfinite(log_vars['loss'])


def test_is_a_mix_classifier_with_the_defaults_of_the_paper():
    model = build()
    assert isinstance(model, MixClassifier)
    assert isinstance(model.mixing, SAMix)
    assert model.clean_weight == 1 and model.clean_head is not None
    method = build(mixing=dict(type='MixUp')).mixing
    assert isinstance(method, MixUp) and method.pairings.alpha == 1


@pytest.mark.parametrize('kwargs, message', [
    (dict(eta=1.5), r'eta must be in \[0, 1\], got 1.5'),
    (dict(alpha=0), 'alpha must be above 0, got 0'),
    (dict(lam_margin=0.6), r'lam_margin must be in \[0, 0.5\], got 0.6'),
    (dict(lam_margin=-0.1), r'lam_margin must be in \[0, 0.5\], got -0.1'),
    (dict(mixer_weight=-1), 'mixer_weight must be a number'),
    (dict(mask_loss_weight=-1), 'mask_loss_weight must be a number'),
    (dict(mixer=dict(type='Mixer', in_channels=7)),
     'in_channels=7, but the features have 16'),
    (dict(frozen=True, mixer_interval=2),
     'mixer_interval=2 .* frozen=True; leave one of them out'),
])
def test_refuses_arguments_of_the_method(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(model_cfg(mixing=samix(**kwargs)))


@pytest.mark.parametrize('kwargs, message', [
    (dict(mixer=dict(type='MaskLoss')),
     "mixer must be a Mixer such as dict\\(type='Mixer'\\), got MaskLoss"),
    (dict(mixer='Mixer'), 'mixer must be a config such as'),
    (dict(mask_loss=None), 'mask_loss must be a config such as'),
])
def test_refuses_parts(kwargs, message):
    with pytest.raises(TypeError, match=message):
        MODELS.build(model_cfg(mixing=samix(**kwargs)))
