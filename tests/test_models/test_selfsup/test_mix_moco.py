import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import MODELS

from samix_mm.models import ClusterObjective, InfoNCEObjective, Pairing
from samix_mm.models.mixing_algorithm import METHOD_ARGUMENTS
from samix_mm.models.selfsup import mix_moco
from samix_mm.models.selfsup.contrastive_losses import ema_momentum
from samix_mm.models.selfsup.objectives import info_nce_objective
from samix_mm.models.selfsup.views import View
from tests.helpers.tiny import fix_pairings, sgd
from tests.helpers.tiny_ssl import (CLUSTERS, FEAT_DIM, QUEUE_LEN, TEMPERATURE,
                                    build_moco, moco_cfg, views)

VARIANTS = [dict(), dict(objective=CLUSTERS)]
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

    def momentum_view(view, keys=True):
        tag = view[:, 0, 0, 0]
        key = torch.where(tag > 0, tag - 1, num - tag - 1).long()
        embeddings = F.one_hot(key, 2 * num).float() if keys else None
        return View(view, tag.view(-1, 1, 1, 1), None, embeddings)

    monkeypatch.setattr(model, 'momentum_view', momentum_view)
    return inputs


POSITIVES = dict(
    # view of the partner, views that first and second are matched with
    cross=(-1, 'k', 'q'),
    same=(1, 'q', 'q'),
    query=(1, 'k', 'k'))


@pytest.mark.parametrize('views_', POSITIVES)
@pytest.mark.parametrize('who', ['online', 'mixer'])
def test_each_part_is_matched_with_the_right_view_of_its_image(
        monkeypatch, who, views_):
    """Pixels, mask features and positives, all of the same partner."""
    num = 4
    indices = dict(mixer=torch.tensor([1, 2, 3, 0]),
                   online=torch.tensor([2, 0, 3, 1]))
    model = build_moco(
        views=views_,
        mixing=dict(type='SAMix', lam_margin=0., lam_adjust=False))
    fix_pairings(model, Pairing(0.5, indices['mixer']),
                 Pairing(0.5, indices['online']))
    inputs = tagged_views(model, monkeypatch, num)
    seen, index = {}, indices[who]

    def masks(sources, pairing):
        if pairing.index is index:
            partner_feats = sources.features()[1]
            seen['partner_feats'] = partner_feats[pairing.index].flatten()
        # the first image's part is the upper half
        mask = torch.zeros(num, 1, 16, 16)
        mask[:, :, :8] = 1
        return mask

    monkeypatch.setattr(model.mixing, 'masks', masks)
    monkeypatch.setattr(model, 'clean_losses', lambda *args: {})
    module = mix_moco if who == 'online' else info_nce_objective

    def embed(network, mixed):
        seen['mixed'] = mixed
        return torch.zeros(num, 2 * num)

    for part in (mix_moco, info_nce_objective):
        monkeypatch.setattr(
            part, 'embed', embed if part is module else
            lambda network, mixed: torch.zeros(num, 2 * num))
    similarities = module.similarities

    def record(queries, views, index):
        seen['keys'] = (views.first.keys[index[:, 0]],
                        views.second.keys[index[:, 1]])
        return similarities(queries, views, index)

    monkeypatch.setattr(module, 'similarities', record)
    model.queue = torch.zeros(2 * num, QUEUE_LEN)
    monkeypatch.setattr(mix_moco, 'enqueue', lambda *args: None)
    model.loss(inputs, None)

    tags = torch.arange(1., num + 1)
    upper, lower = seen['mixed'][:, 0, 0, 0], seen['mixed'][:, 0, -1, 0]
    view_of_partner, *positives = POSITIVES[views_]
    assert torch.equal(upper, tags)
    assert torch.equal(lower, view_of_partner * tags[index])
    assert torch.equal(seen['partner_feats'], lower)
    images = torch.arange(num)
    for key, image, view in zip(seen['keys'], (images, images[index]),
                                positives):
        assert torch.equal(key.argmax(dim=1), image + num * (view == 'k'))


def test_values_of_the_online_losses():
    model = build_moco(mixing=dict(type='MixUp'))
    model.eval()
    lam, index = 0.3, torch.tensor([2, 0, 3, 1])
    fix_pairings(model, Pairing(lam, index))
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
    expected = dict(loss_nce=online, loss_mix=online, loss_mixer={'mixing'},
                    loss_mask={'mixing'})
    if kwargs:
        expected['loss_cluster'] = {'objective'}
    assert reached == expected


@pytest.mark.parametrize('kwargs', VARIANTS, ids=NAMES)
def test_every_trainable_parameter_gets_a_gradient(kwargs):
    """DDP waits for each, without ``find_unused_parameters``."""
    model = build_moco(**kwargs)
    sum(losses_of(model).values()).backward()
    for key, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, key
        assert param.requires_grad == (not key.startswith('momentum_net'))


HAND_MADE = ['MixUp', 'CutMix', 'FMix', 'ResizeMix', 'ManifoldMix']


@pytest.mark.parametrize('method', HAND_MADE)
def test_a_hand_made_method_costs_no_pass_of_its_own(method):
    model = build_moco(mixing=dict(type=method))
    passes = []
    model.momentum_net.backbone.register_forward_hook(
        lambda *args: passes.append(1))
    assert set(losses_of(model)) == {'loss_nce', 'loss_mix'}
    assert len(passes) == 2  # the keys of both views
    assert model.feature_stage is None and model.feature_net is None
    with pytest.raises(
            ValueError, match='ClusterObjective trains a mixing method, but '
            f'{method} has nothing to learn'):
        build_moco(mixing=dict(type=method), objective=CLUSTERS)


@pytest.mark.parametrize('method', HAND_MADE)
def test_hand_made_methods_train(method):
    model = build_moco(type='MixMoCo', mixing=dict(type=method)).train()
    before = model.backbone.conv1.weight.detach().clone()
    inputs, samples = views()
    for _ in range(2):
        log_vars = model.train_step(
            dict(inputs=inputs, data_samples=samples), sgd(model))
        assert torch.isfinite(log_vars['loss'])
    assert not torch.equal(model.backbone.conv1.weight, before)
    assert all(param.grad is None or param.requires_grad
               for param in model.parameters())


@pytest.mark.parametrize('method', ['MixUp', 'SAMix'])
def test_matching_with_view_k_alone_costs_one_pass_less(method):
    """Nobody asks for the keys of view q; a learnable method asks for its
    features alone."""
    stem, end = {}, {}
    for views_ in ('cross', 'query'):
        model = build_moco(mixing=dict(type=method), views=views_).train()
        whole, stopped = [], []
        model.momentum_net.backbone.conv1.register_forward_pre_hook(
            lambda module, args, seen=stopped: seen.append(
                args[0].requires_grad))
        model.momentum_net.backbone.layer4.register_forward_pre_hook(
            lambda module, args, seen=whole: seen.append(
                args[0].requires_grad))
        losses_of(model)
        stem[views_] = stopped.count(False)
        end[views_] = whole.count(False)
    assert end == dict(cross=2, query=1)
    assert stem == dict(cross=2, query=1 if method == 'MixUp' else 2)


def test_values_with_view_k_alone():
    """Both parts of an image mixed within view q have keys of view k."""
    model = build_moco(mixing=dict(type='MixUp'), views='query').eval()
    lam, index = 0.3, torch.tensor([2, 0, 3, 1])
    fix_pairings(model, Pairing(lam, index))
    inputs, samples = views()
    negatives = model.queue.clone()
    loss = model.loss(inputs, samples)['loss_mix']
    keys = model.cluster_features(inputs[1])
    mixed = lam * inputs[0] + (1 - lam) * inputs[0][index]
    queries = F.normalize(model.neck(model.backbone(mixed))[0], dim=1)
    logits = torch.cat([(queries * keys).sum(1, keepdim=True),
                        (queries * keys[index]).sum(1, keepdim=True),
                        queries @ negatives], dim=1) / TEMPERATURE
    log_probs = logits.log_softmax(dim=1)
    expected = -(lam * log_probs[:, 0] + (1 - lam) * log_probs[:, 1]).mean()
    torch.testing.assert_close(loss, expected)


def test_the_queue_is_a_ring():
    """Of 5 does 12 hold 2 and a rest; negatives are of earlier batches."""
    model = build_moco(mixing=dict(type='MixUp'))
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
    (dict(mixing=dict(type='SAMix', eta=2.)),
     r'eta must be in \[0, 1\], got 2.0'),
    (dict(queue_len=0), 'queue_len must be 1 or more, got 0'),
    (dict(views='both'), "views must be one of .*, got 'both'"),
    (dict(mixing=dict(type='CutMix', alpha=0.)),
     'alpha must be above 0, got 0.0'),
    (dict(
        nce_weight=0., mix_weight=0., mixing=dict(type='CutMix')),
     'nothing to learn: all of nce_weight, mix_weight are 0'),
    (dict(nce_weight=-1.), 'nce_weight must be a number of 0 or more'),
    (dict(objective=dict(CLUSTERS, num_clusters=1)),
     'num_clusters must be 2'),
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


@pytest.mark.parametrize('objective, message', [
    ('ClusterObjective', 'objective must be a config such as'),
    (dict(type='MaskLoss'), 'objective must be one such as .* got MaskLoss'),
])
def test_refuses_objectives(objective, message):
    with pytest.raises(TypeError, match=message):
        build_moco(objective=objective)


def test_vanilla_has_no_pairs_to_match():
    with pytest.raises(ValueError, match='MixMoCo mixes 2 images, but Vanilla '
                       '1; choose another method'):
        build_moco(type='MixMoCo', mixing=dict(type='Vanilla'))


def test_objectives_are_parts_of_the_algorithm():
    assert isinstance(build_moco().objective, InfoNCEObjective)
    model = build_moco(objective=CLUSTERS)
    assert isinstance(model.objective, ClusterObjective)
    assert model.clusters is model.objective.clusters
    assert {key.split('.')[1] for key in model.state_dict()
            if key.startswith('objective.')} == {'clusters', 'cluster_head'}
    assert build_moco().clusters is None


@pytest.mark.parametrize('algorithm', ['SAMixMoCo', 'MixMoCo'])
@pytest.mark.parametrize('name', METHOD_ARGUMENTS)
def test_arguments_of_the_method_in_their_old_place(name, algorithm):
    cfg = moco_cfg(type=algorithm, mixing=dict(type='SAMix'), **{name: 0.25})
    with pytest.raises(
            TypeError, match=f'{name} is an argument of the mixing method; '
            rf"write mixing=dict\(type='SAMix', {name}=0.25\) in place of "
            f'{name}=0.25 in {algorithm}'):
        MODELS.build(cfg)


MOVED = dict(
    variant=('cluster', r"objective=dict\(type='ClusterObjective'\)"),
    num_clusters=(7, r"objective=dict\(type='ClusterObjective', "
                  r'num_clusters=7\)'),
    clusters=(dict(momentum=0.4),
              r"objective=dict\(type='ClusterObjective', \.\.\.\) with the "
              'arguments of clusters'),
    cross_view=(False, "views='same'"))


@pytest.mark.parametrize('name', mix_moco.MOVED)
def test_arguments_that_moved(name):
    value, message = MOVED[name]
    with pytest.raises(
            TypeError,
            match=f'SAMixMoCo has no {name}; write {message}.* in its place'):
        build_moco(**{name: value})
    with pytest.raises(TypeError, match='unexpected argument views_'):
        build_moco(views_='same')
