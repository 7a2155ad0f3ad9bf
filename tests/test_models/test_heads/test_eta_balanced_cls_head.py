import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.models import LinearClsHead

from samix_mm.models import EtaBalancedClsHead
from samix_mm.models.losses import eta_balanced_cross_entropy
from tests.helpers.tiny import samples

LABEL_I, LABEL_J = torch.tensor([0, 1, 2, 3]), torch.tensor([2, 1, 0, 1])


def heads():
    """The head, and MMPretrain's linear one with the same weights."""
    head = EtaBalancedClsHead(5, 8, eta=0.3, topk=(1, 2), cal_acc=True)
    linear = LinearClsHead(5, 8, topk=(1, 2), cal_acc=True)
    linear.load_state_dict(head.state_dict())
    return head, linear


@pytest.mark.parametrize('lam', [0.2, torch.tensor([0., 0.4, 0.7, 1.])])
def test_loss_mix_is_the_loss_of_its_logits(lam):
    head, linear = heads()
    feats = (torch.randn(4, 3), torch.randn(4, 8))  # the last one is used
    losses = head.loss_mix(feats, LABEL_I, LABEL_J, lam)
    expected = eta_balanced_cross_entropy(
        linear.fc(feats[-1]), LABEL_I, LABEL_J, lam, 0.3).mean()
    assert list(losses) == ['loss']
    torch.testing.assert_close(losses['loss'], expected)


def test_loss_mix_trains_the_head_and_the_features():
    head, _ = heads()
    feats = torch.randn(4, 8, requires_grad=True)
    head.loss_mix((feats, ), LABEL_I, LABEL_J, 0.2)['loss'].backward()
    assert feats.grad.abs().sum() > 0
    assert head.fc.weight.grad.abs().sum() > 0


def test_same_parameters_as_the_linear_head():
    head, linear = heads()
    assert list(head.state_dict()) == list(linear.state_dict())


def test_clean_images_as_in_the_linear_head():
    head, linear = heads()
    feats = (torch.randn(4, 8), )
    losses = head.loss(feats, samples(LABEL_I))
    expected = linear.loss(feats, samples(LABEL_I))
    assert list(losses) == ['loss', 'accuracy_top-1', 'accuracy_top-2']
    assert losses == expected
    for one, other in zip(head.predict(feats), linear.predict(feats)):
        assert torch.equal(one.pred_score, other.pred_score)
        assert torch.equal(one.pred_label, other.pred_label)


def test_registered_in_root_registry():
    head = MODELS.build(
        dict(type='EtaBalancedClsHead', num_classes=5, in_channels=8))
    assert isinstance(head, LinearClsHead)
    assert head.mix_loss_module.eta == 1.


def test_refuses_eta_outside_unit_interval():
    with pytest.raises(ValueError, match=r'eta must be in \[0, 1\], got 2'):
        EtaBalancedClsHead(5, 8, eta=2)
