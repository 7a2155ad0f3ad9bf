import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import MODELS

from samix_mm.models.mixing.pairing import Pair
from samix_mm.models.selfsup import samix_moco
from samix_mm.models.selfsup.contrast import ema_momentum
from samix_mm.models.selfsup.views import View
from tests.helpers.tiny_ssl import (FEAT_DIM, QUEUE_LEN, TEMPERATURE,
                                    build_moco, moco_cfg, views)

VARIANTS = [dict(), dict(variant='cluster', num_clusters=3)]
NAMES = ['infonce', 'cluster']


def losses_of(model, *args, **kwargs):
    losses = model.loss(*views(*args, **kwargs))
    return {key: value for key, value in losses.items() if 'loss' in key}


def tagged_views(model, monkeypatch, num=4):
    """Views whose pixels, features and keys all say (image, view): pixels of
    image i are i + 1 in view q and -(i + 1) in view k, the key is a unit
    vector of its own."""
    tags = torch.arange(1., num + 1)
    inputs = [
        sign * tags.view(-1, 1, 1, 1).expand(num, 3, 16, 16)
        for sign in (1, -1)
    ]

    def momentum_view(view):
        tag = view[:, 0, 0, 0]
        key = torch.where(tag > 0, tag - 1, num - tag - 1).long()
        keys = F.one_hot(key, 2 * num).float()
        return View(view, tag.view(-1, 1, 1, 1), None, keys)

    monkeypatch.setattr(model, 'momentum_view', momentum_view)
    return inputs


@pytest.mark.parametrize('cross_view', [True, False])
@pytest.mark.parametrize('who', ['online', 'mixer'])
def test_each_part_is_matched_with_the_other_view_of_its_image(
        monkeypatch, who, cross_view):
    """Pixels, mask features and positives, all of the same partner."""
    num = 4
    index = dict(mixer=torch.tensor([1, 2, 3, 0]),
                 online=torch.tensor([2, 0, 3, 1]))
    pairs = Pair(0.5, index['mixer']), Pair(0.5, index['online'])
    model = build_moco(cross_view=cross_view, lam_margin=0.)
    inputs = tagged_views(model, monkeypatch, num)
    seen = {}
    index = index[who]

    def masks(inputs, projected, pair):
        if pair.index is index:
            seen['partner_feats'] = projected[1][pair.index].flatten()
        # the first image's part is the upper half
        mask = torch.zeros(num, 1, 16, 16)
        mask[:, :, :8] = 1
        return mask

    monkeypatch.setattr(model, 'draw_pairs', lambda _: pairs)
    monkeypatch.setattr(model.mixer, 'project', lambda *feats: feats)
    monkeypatch.setattr(model, 'make_masks', masks)
    monkeypatch.setattr(
        model, 'clean_losses', lambda *args: {})

    def embed(network, mixed):
        if (network is model) == (who == 'online'):
            seen['mixed'] = mixed
        return torch.zeros(num, 2 * num)

    monkeypatch.setattr(samix_moco, 'embed', embed)
    similarities = samix_moco.similarities

    def record(queries, first, second, pair):
        found = similarities(queries, first, second, pair)
        if pair.index is index:
            seen['keys'] = first.keys, second.keys[pair.index]
        return found

    monkeypatch.setattr(samix_moco, 'similarities', record)
    model.queue = torch.zeros(2 * num, QUEUE_LEN)
    monkeypatch.setattr(samix_moco, 'enqueue', lambda *args: None)
    model.loss(inputs, None)

    tags = torch.arange(1., num + 1)
    upper, lower = seen['mixed'][:, 0, 0, 0], seen['mixed'][:, 0, -1, 0]
    view_of_partner = -1 if cross_view else 1
    assert torch.equal(upper, tags)
    assert torch.equal(lower, view_of_partner * tags[index])
    assert torch.equal(seen['partner_feats'], lower)
    key_i, key_j = (key.argmax(dim=1) for key in seen['keys'])
    images = torch.arange(num)
    assert torch.equal(key_i, images + (num if cross_view else 0))
    assert torch.equal(key_j, images[index])


def test_values_of_the_online_losses():
    model = build_moco(mixer=dict(type='MixUp'))
    model.eval()
    lam, index = 0.3, torch.tensor([2, 0, 3, 1])
    model.draw_pairs = lambda _: (None, Pair(lam, index))
    inputs, samples = views()
    negatives = model.queue.clone()
    losses = model.loss(inputs, samples)

    def embed(network, images):
        return F.normalize(network.neck(network.backbone(images))[0], dim=1)

    key_q, key_k = (embed(model.momentum_net, view) for view in inputs)
    clean = embed(model, inputs[0])
    logits = torch.cat([(clean * key_k).sum(1, keepdim=True),
                        clean @ negatives], dim=1) / TEMPERATURE
    nce = F.cross_entropy(logits, torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(losses['loss_nce'], nce)

    mixed = embed(model, lam * inputs[0] + (1 - lam) * inputs[1][index])
    logits = torch.cat([(mixed * key_k).sum(1, keepdim=True),
                        (mixed * key_q[index]).sum(1, keepdim=True),
                        mixed @ negatives], dim=1) / TEMPERATURE
    log_probs = logits.log_softmax(dim=1)
    mix = -(lam * log_probs[:, 0] + (1 - lam) * log_probs[:, 1]).mean()
    torch.testing.assert_close(losses['loss_mix'], mix)


@pytest.mark.parametrize('kwargs', VARIANTS, ids=NAMES)
def test_which_loss_reaches_which_parameters(kwargs):
    reached = {}
    for name in losses_of(build_moco(**kwargs)):
        model = build_moco(**kwargs)
        losses_of(model)[name].backward()
        reached[name] = {
            key.split('.')[0]
            for key, param in model.named_parameters()
            if param.grad is not None and param.grad.any()
        }
    online = {'backbone', 'neck'}
    expected = dict(loss_nce=online, loss_mix=online, loss_mixer={'mixer'},
                    loss_mask={'mixer'})
    if kwargs:
        expected['loss_cluster'] = {'cluster_head'}
    assert reached == expected


@pytest.mark.parametrize('kwargs', VARIANTS, ids=NAMES)
def test_every_trainable_parameter_gets_a_gradient(kwargs):
    """DDP waits for each, without ``find_unused_parameters``."""
    model = build_moco(**kwargs)
    sum(losses_of(model).values()).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key
        assert param.requires_grad == (not key.startswith('momentum_net'))


@pytest.mark.parametrize('policy', ['MixUp', 'CutMix'])
def test_a_hand_made_policy_costs_no_pass_of_its_own(policy):
    model = build_moco(mixer=dict(type=policy))
    passes = []
    model.momentum_net.backbone.register_forward_hook(
        lambda *args: passes.append(1))
    assert set(losses_of(model)) == {'loss_nce', 'loss_mix'}
    assert len(passes) == 2  # the keys of both views
    assert model.tap is None
    with pytest.raises(ValueError, match="variant='cluster' trains"):
        build_moco(mixer=dict(type=policy), variant='cluster')


def test_the_queue_is_a_ring():
    """Of 5 does 12 hold 2 and a rest; negatives are of earlier batches."""
    model = build_moco(mixer=dict(type='MixUp'))
    model.eval()
    expected, pointer = model.queue.clone(), 0
    for step, num in enumerate((5, 5, 5, 3, 15)):
        inputs, samples = views(num, seed=step)
        keys = model.cluster_features(inputs[1])
        model.loss(inputs, samples)
        for key in keys:
            expected[:, pointer] = key
            pointer = (pointer + 1) % QUEUE_LEN
        torch.testing.assert_close(model.queue, expected)
        assert model.queue_ptr.item() == pointer


def test_a_stock_config_is_complete(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('''
_base_ = 'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
model = dict(backbone=dict(depth=18), neck=dict(in_channels=512))
''')
    cfg = Config.fromfile(path).model
    stock = MODELS.build(dict(cfg)).state_dict()
    model = MODELS.build(dict(cfg, type='SAMixMoCo'))
    assert model.momentum == 0.999
    own = model.state_dict()
    shared = [key for key in stock if not key.startswith('encoder_k')]
    assert {'queue', 'queue_ptr'} <= set(shared)
    for key in shared:
        assert own[key].shape == stock[key].shape, key


@pytest.mark.parametrize('momentum, kept', [(0.999, 0.999), (0.001, 0.999),
                                            (0.5, 0.5), (0., 0.), (1., 1.)])
def test_momentum_is_the_weight_kept(momentum, kept):
    assert ema_momentum(momentum) == pytest.approx(kept)


@pytest.mark.parametrize('kwargs, message', [
    (dict(momentum=1.5), r'momentum must be in \[0, 1\], got 1.5'),
    (dict(eta=2.), r'eta must be in \[0, 1\], got 2.0'),
    (dict(queue_len=0), 'queue_len must be 1 or more, got 0'),
    (dict(variant='odc'), "variant must be one of .*, got 'odc'"),
    (dict(alpha=0.), 'alpha must be above 0, got 0.0'),
    (dict(nce_weight=-1.), 'nce_weight must be a number of 0 or more'),
    (dict(variant='cluster', num_clusters=1), 'num_clusters must be 2'),
])
def test_refuses_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(moco_cfg(**kwargs))


def test_refuses_batches_that_are_not_two_views():
    model = build_moco()
    (view_q, view_k), samples = views()
    for inputs, number in ((view_q, 1), ([view_q], 1), ([view_q] * 3, 3)):
        with pytest.raises(ValueError, match=f'two views .* got {number}'):
            model.loss(inputs, samples)
    with pytest.raises(ValueError, match='must have the same size'):
        model.loss([view_q, view_k[..., :8]], samples)
    with pytest.raises(ValueError, match='at least 2 images'):
        model.loss([view_q[:1], view_k[:1]], samples[:1])


def test_clusters_need_the_numbers_of_images():
    model = build_moco(**VARIANTS[1])
    inputs, _ = views()
    with pytest.raises(ValueError, match='sample_idx'):
        model.loss(inputs, None)


def test_clusters_follow_the_keys_of_view_k():
    model = build_moco(**VARIANTS[1])
    model.eval()
    before = model.clusters.features.clone()
    inputs, samples = views()
    keys = model.cluster_features(inputs[1])
    logged = model.loss(inputs, samples)
    torch.testing.assert_close(model.clusters.features[:4],
                               0.5 * before[:4] + 0.5 * keys)
    assert torch.equal(model.clusters.features[4:], before[4:])
    assert keys.shape == (4, FEAT_DIM)
    assert {'cluster_change', 'cluster_min', 'cluster_median',
            'cluster_empty', 'lam_gap', 'mask_std'} <= set(logged)
