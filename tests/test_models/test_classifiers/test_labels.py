import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from samix_mm.models.classifiers.labels import (hard_labels, mixed_loss,
                                                soft_labels, with_accuracy)
from tests.helpers.tiny import NUM_CLASSES, samples

LABELS = torch.tensor([[0, 3], [1, 1], [2, 0], [3, 2], [1, 0]])
FIRST = torch.tensor([0.3, 0.55, 0.2, 1., 0.])
SHARES = torch.stack([FIRST, 1 - FIRST], dim=1)


def head_of(**kwargs):
    cfg = dict(type='LinearClsHead', num_classes=NUM_CLASSES, in_channels=6)
    return MODELS.build(dict(cfg, **kwargs))


def features(num=5):
    return (torch.randn(num, 6, requires_grad=True), )


def test_soft_labels_give_the_loss_of_eta_one():
    linear = head_of()
    balanced = head_of(type='EtaBalancedClsHead')
    balanced.load_state_dict(linear.state_dict())
    feats = features()
    losses = [
        mixed_loss(head, feats, LABELS, SHARES) for head in (linear, balanced)
    ]
    log_prob = linear(feats).log_softmax(dim=1).gather(1, LABELS)
    expected = -(SHARES * log_prob).sum(dim=1).mean()
    for loss in losses:
        torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize('type_', ['LinearClsHead', 'EtaBalancedClsHead'])
def test_three_sources(type_):
    """A head with a loss for pairs gets soft labels as others do."""
    head, feats = head_of(type=type_), features()
    labels = torch.cat([LABELS, LABELS[:, :1].roll(1, 0)], dim=1)
    shares = torch.rand(5, 3).softmax(dim=1)
    log_prob = head(feats).log_softmax(dim=1).gather(1, labels)
    expected = -(shares * log_prob).sum(dim=1).mean()
    torch.testing.assert_close(
        mixed_loss(head, feats, labels, shares), expected)


@pytest.mark.parametrize('type_', ['LinearClsHead', 'EtaBalancedClsHead'])
def test_one_source_is_a_hard_label(type_):
    head, feats = head_of(type=type_), features()
    loss = mixed_loss(head, feats, LABELS[:, :1], torch.ones(5, 1))
    torch.testing.assert_close(loss,
                               F.cross_entropy(head(feats), LABELS[:, 0]))


def test_soft_labels_add_up():
    scores = soft_labels(LABELS, SHARES, NUM_CLASSES)
    assert scores.shape == (5, NUM_CLASSES)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(5))
    torch.testing.assert_close(scores[0], torch.tensor([0.3, 0., 0., 0.7]))
    assert scores[1].tolist() == [0., 1., 0., 0.]  # both of one class


def test_hard_labels():
    assert hard_labels(samples([2, 0, 3])).tolist() == [2, 0, 3]


def test_refuses_soft_labels():
    soft = [DataSample().set_gt_score(torch.full((NUM_CLASSES, ), 0.25))]
    with pytest.raises(ValueError, match=r'labels are soft \(gt_score\)'):
        hard_labels(samples([1]) + soft)


def test_refuses_several_labels():
    data_samples = samples([0, 1])
    data_samples[0].set_gt_label([0, 1])
    with pytest.raises(
            ValueError, match='one label, got 3 labels for 2 images'):
        hard_labels(data_samples)


@pytest.mark.parametrize('before', [True, False])
def test_accuracy_is_asked_for_and_then_as_before(before):
    head = head_of()
    head.cal_acc = before
    with with_accuracy(head):
        assert head.cal_acc
    assert head.cal_acc == before
    with pytest.raises(ZeroDivisionError), with_accuracy(head):
        raise ZeroDivisionError
    assert head.cal_acc == before
