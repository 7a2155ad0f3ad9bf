import pytest
import torch
import torch.nn.functional as F

from samix_mm.models import ClusterHead, EtaBalancedContrastiveHead
from samix_mm.models.losses import eta_balanced_info_nce
from samix_mm.models.selfsup.contrastive_losses import (contrast_clean,
                                                        contrast_mixed)


def similarities():
    torch.manual_seed(0)
    return torch.rand(4), torch.rand(4), torch.rand(4, 7)


def test_contrastive_head_on_clean_images():
    head = EtaBalancedContrastiveHead(temperature=0.1)
    sim, _, neg = similarities()
    logits = torch.cat([sim[:, None], neg], dim=1) / 0.1
    expected = F.cross_entropy(logits, torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(contrast_clean(head, sim, neg), expected)


def test_contrastive_head_on_mixed_images():
    sims = similarities()
    for head, eta in ((EtaBalancedContrastiveHead(eta=0.3), 0.3),
                      (EtaBalancedContrastiveHead(), 1.)):
        expected = eta_balanced_info_nce(*sims, 0.4, eta, 0.2).mean()
        torch.testing.assert_close(
            contrast_mixed(head, *sims, 0.4), expected)


def test_contrastive_head_refuses():
    with pytest.raises(ValueError, match='eta must be in'):
        EtaBalancedContrastiveHead(eta=-1.)


def test_cluster_head_learns_from_its_own_loss_alone():
    head = ClusterHead(5, 3)
    feats = torch.randn(4, 5, requires_grad=True)
    labels = torch.tensor([0, 2, 1, 0])
    expected = F.cross_entropy(
        feats.detach() @ head.fc.weight.t() + head.fc.bias, labels)
    loss = head.loss(feats, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert feats.grad is None and head.fc.weight.grad.any()


def test_frozen_scores_reach_the_features_alone():
    head = ClusterHead(5, 3)
    feats = torch.randn(4, 5, requires_grad=True)
    scores = head.classify_frozen(feats)
    torch.testing.assert_close(scores, head.fc(feats))
    scores.square().sum().backward()
    assert feats.grad.any()
    assert head.fc.weight.grad is None and head.fc.bias.grad is None


def test_cluster_head_refuses_one_cluster():
    with pytest.raises(ValueError, match='num_clusters must be 2 or more'):
        ClusterHead(5, 1)
