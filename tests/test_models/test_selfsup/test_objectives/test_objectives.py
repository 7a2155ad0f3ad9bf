import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from samix_mm.models import ClusterObjective, InfoNCEObjective, Mixture
from samix_mm.models.selfsup.views import MatchedViews, View
from tests.helpers.tiny_ssl import (CLUSTERS, FEAT_DIM, TEMPERATURE,
                                    build_moco, views)

NUM, ETA = 4, 0.3
INDEX = torch.tensor([[0, 2], [1, 0], [2, 3], [3, 1]])
LAM = torch.tensor([0.3, 0.9, 0.5, 0.75])
OBJECTIVES = dict(
    infonce=dict(type='InfoNCEObjective'), cluster=dict(CLUSTERS))


def unit(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(shape, generator=generator), dim=-1)


def step_of(name):
    """A model, what was mixed and the mixture."""
    model = build_moco(objective=OBJECTIVES[name]).eval()
    (first, second), samples = views(NUM)
    matched = MatchedViews(
        View(first, pooled=torch.randn(NUM, 32), keys=unit(
            NUM, FEAT_DIM, seed=1)),
        View(second, keys=unit(NUM, FEAT_DIM, seed=2)),
        unit(7, FEAT_DIM, seed=3).t(),
        model.objective.index_of(samples))
    mixed = (0.5 * first + 0.5 * second[INDEX[:, 1]]).requires_grad_()
    shares = torch.stack([LAM, 1 - LAM], dim=1)
    return model, matched, Mixture(mixed, INDEX, shares)


def balanced(logits, label_i, label_j, eta):
    """Eqs. 3, 6 and 8, from probabilities."""
    prob = logits.double().softmax(dim=1)
    losses = []
    for n, (a, b) in enumerate(zip(label_i, label_j)):
        lam = LAM[n].double()
        both = prob[n, a] if a == b else prob[n, a] + prob[n, b]
        local = -lam * (prob[n, a] / both).log() - (1 - lam) * (
            prob[n, b] / both).log()
        losses.append(local - eta * both.log())
    return torch.stack(losses).mean().float()


def test_info_nce_matches_with_the_keys_of_the_sources():
    model, matched, mixture = step_of('infonce')
    network = model.momentum_net
    loss = model.objective.mixture_loss(network, matched, mixture, ETA)
    queries = F.normalize(
        network.neck(network.backbone(mixture.inputs))[0], dim=1)
    positives = [(queries * view.keys[index]).sum(dim=1, keepdim=True)
                 for view, index in zip(matched[:2], INDEX.t())]
    logits = torch.cat([*positives, queries @ matched.negatives], dim=1)
    expected = balanced(logits / TEMPERATURE, [0] * NUM, [1] * NUM, ETA)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)


def test_clusters_are_the_classes_of_the_sources():
    model, matched, mixture = step_of('cluster')
    network, objective = model.momentum_net, model.objective
    labels = objective.clusters.labels[:NUM]
    loss = objective.mixture_loss(network, matched, mixture, ETA)
    feats = network.backbone(mixture.inputs)[-1].mean(dim=(2, 3))
    logits = objective.cluster_head.fc(feats)
    expected = balanced(logits, *labels[INDEX].t().tolist(), ETA)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-6)
    assert len(labels.unique()) > 1


@pytest.mark.parametrize('name', OBJECTIVES)
def test_the_loss_reaches_the_mixed_images_alone(name):
    """Neither the momentum network nor the cluster head learns from it."""
    model, matched, mixture = step_of(name)
    model.objective.mixture_loss(model.momentum_net, matched, mixture,
                                 ETA).backward()
    assert mixture.inputs.grad.flatten(1).abs().sum(dim=1).min() > 0
    assert all(param.grad is None for param in model.parameters())


def test_a_part_of_the_batch_may_be_mixed():
    for name in OBJECTIVES:
        model, matched, mixture = step_of(name)
        part = Mixture(mixture.inputs[:2], mixture.index[:2],
                       mixture.shares[:2])
        args = model.momentum_net, matched
        loss = model.objective.mixture_loss(*args, part, ETA)
        each = [
            model.objective.mixture_loss(
                *args, Mixture(*(value[n:n + 1] for value in mixture[:3])),
                ETA) for n in range(2)
        ]
        torch.testing.assert_close(loss, sum(each) / 2)


def test_info_nce_wants_nothing_of_its_own():
    model, matched, _ = step_of('infonce')
    objective = model.objective
    assert isinstance(objective, InfoNCEObjective)
    assert not objective.needs_pooled and not list(objective.parameters())
    assert objective.index_of(None) is objective.labels_of(None) is None
    assert objective.own_losses(matched) == {}
    assert objective.update(None, matched.second.keys) == {}


def test_the_cluster_head_learns_from_clean_features():
    model, matched, _ = step_of('cluster')
    objective = model.objective
    labels = objective.labels_of(matched.index).clone()
    before = objective.clusters.features.clone()
    losses = objective.own_losses(matched)
    expected = F.cross_entropy(
        objective.cluster_head.fc(matched.first.pooled), labels)
    torch.testing.assert_close(losses['loss_cluster'], expected)
    assert losses.keys() == {'loss_cluster'}
    assert torch.equal(objective.clusters.features, before)
    log_vars = objective.update(matched.index, matched.second.keys)
    assert 0 <= log_vars['cluster_change'] <= 1
    # and the memory follows the keys
    assert not torch.equal(objective.clusters.features[:NUM], before[:NUM])
    assert torch.equal(objective.clusters.features[NUM:], before[NUM:])


def test_arguments_of_the_clusters():
    objective = MODELS.build(dict(CLUSTERS, momentum=0.25))
    assert isinstance(objective, ClusterObjective)
    model = build_moco(objective=dict(CLUSTERS, momentum=0.25))
    assert model.clusters.momentum == 0.25 and model.clusters.centroids.shape[
        0] == 3


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(num_clusters=1), ValueError, 'num_clusters must be 2 or more'),
    (dict(num_clusters=2.5), ValueError, 'num_clusters must be a whole'),
    (dict(momentum=2.), ValueError, 'momentum must be in'),
    (dict(momenta=0.5), TypeError, 'momenta'),
])
def test_refuses_before_the_backbone_is_built(kwargs, error, message):
    with pytest.raises(error, match=message):
        ClusterObjective(**kwargs)
