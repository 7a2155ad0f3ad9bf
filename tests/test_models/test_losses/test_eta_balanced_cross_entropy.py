import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from samix_mm.models import EtaBalancedCrossEntropy
from samix_mm.models.losses import eta_balanced_cross_entropy

SCORE = torch.tensor([[0.3, -1.2, 2.0, 0.7], [1.5, 0.1, -0.4, -2.0],
                      [-0.6, 0.9, 0.2, 1.1]], dtype=torch.float64)
LABEL_I = torch.tensor([0, 3, 2])
LABEL_J = torch.tensor([1, 0, 2])  # the last pair is of one class
LAMS = (0.3, torch.tensor([0.3, 0.9, 0.5], dtype=torch.float64))


def from_probabilities(score, label_i, label_j, lam, eta):
    """Eqs. 6 and 8 with the two classes' probabilities, one by one."""
    losses = []
    lams = torch.as_tensor(lam, dtype=torch.float64).expand(len(score))
    for row, a, b, ratio in zip(score.double(), label_i, label_j, lams):
        prob = row.exp() / row.exp().sum()
        if a == b:
            local, pair = 0, prob[a]
        else:
            pair = prob[a] + prob[b]
            local = -(ratio * (prob[a] / pair).log() +
                      (1 - ratio) * (prob[b] / pair).log())
        losses.append(local - eta * pair.log())
    return torch.stack(losses)


@pytest.mark.parametrize('eta', [0., 0.1, 0.5, 1.])
@pytest.mark.parametrize('lam', LAMS)
def test_formula(eta, lam):
    loss = eta_balanced_cross_entropy(SCORE, LABEL_I, LABEL_J, lam, eta)
    expected = from_probabilities(SCORE, LABEL_I, LABEL_J, lam, eta)
    assert loss.shape == (3, )
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('lam', LAMS)
def test_eta_one_is_mixup_cross_entropy(lam):
    loss = eta_balanced_cross_entropy(SCORE, LABEL_I, LABEL_J, lam, 1.)
    loss_i = F.cross_entropy(SCORE, LABEL_I, reduction='none')
    loss_j = F.cross_entropy(SCORE, LABEL_J, reduction='none')
    torch.testing.assert_close(loss, lam * loss_i + (1 - lam) * loss_j)


@pytest.mark.parametrize('scale', [1., 1e4])
def test_eta_zero_ignores_all_other_classes(scale):
    score = (scale * SCORE).requires_grad_()
    lam = torch.tensor([0.3, 0.9, 0.5])
    loss = eta_balanced_cross_entropy(score, LABEL_I, LABEL_J, lam, 0.)
    loss.sum().backward()
    others = torch.ones(3, 4, dtype=torch.bool)
    others.scatter_(1, torch.stack([LABEL_I, LABEL_J], dim=1), False)
    assert (score.grad[others] == 0).all()
    # and between the two it is the binary cross-entropy
    diff = score[[0, 1], LABEL_I[:2]] - score[[0, 1], LABEL_J[:2]]
    expected = F.binary_cross_entropy_with_logits(
        diff, lam[:2].double(), reduction='none')
    torch.testing.assert_close(loss[:2], expected)


def test_eta_changes_loss_and_gradient():
    """Unlike in the first implementation, where eta had no effect."""
    grads = []
    for eta in (0., 0.5, 1.):
        score = SCORE.clone().requires_grad_()
        eta_balanced_cross_entropy(score, LABEL_I, LABEL_J, 0.3,
                                   eta).sum().backward()
        grads.append(score.grad)
    assert (grads[0] - grads[1]).abs().max() > 0.05
    torch.testing.assert_close(grads[1], (grads[0] + grads[2]) / 2)


def test_pair_of_one_class_has_no_local_term():
    score = SCORE.clone().requires_grad_()
    same = torch.tensor([1, 1, 1])
    loss = eta_balanced_cross_entropy(score, same, same, 0.3, 0.)
    assert (loss == 0).all()
    loss.sum().backward()
    assert (score.grad == 0).all()
    loss = eta_balanced_cross_entropy(score, same, same, 0.3, 0.7)
    expected = 0.7 * F.cross_entropy(score, same, reduction='none')
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize('eta', [0., 0.5, 1.])
def test_two_classes_have_no_global_term(eta):
    score = SCORE[:, :2].clone().requires_grad_()
    label = torch.tensor([0, 1, 0])
    lam = torch.tensor([0.2, 0.5, 1.]).double()
    loss = eta_balanced_cross_entropy(score, label, 1 - label, lam, eta)
    share_of_0 = torch.where(label == 0, lam, 1 - lam)
    expected = F.binary_cross_entropy_with_logits(
        score[:, 0] - score[:, 1], share_of_0, reduction='none')
    torch.testing.assert_close(loss, expected)
    grad, = torch.autograd.grad(loss.sum(), score)
    assert grad.isfinite().all()


@pytest.mark.parametrize(
    'dtype', [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('eta', [0., 0.5, 1.])
@pytest.mark.parametrize('num_classes', [2, 3, 5])
def test_large_logits_stay_finite(dtype, eta, num_classes):
    signs = torch.cartesian_prod(*[torch.tensor([-1., 0., 1.])] * num_classes)
    score = (1e4 * signs).to(dtype).requires_grad_()
    for a, b in ((0, 1), (1, 1)):
        label_i, label_j = (torch.full((len(score), ), c) for c in (a, b))
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = eta_balanced_cross_entropy(score, label_i, label_j, 0.3,
                                              eta)
        assert loss.dtype == torch.float32
        assert loss.isfinite().all() and (loss >= 0).all()
        grad, = torch.autograd.grad(loss.sum(), score)
        assert grad.isfinite().all()


def test_large_logits_are_exact():
    score = torch.tensor([[1e4, -1e4, 0.], [0., 0., 1e4], [1e4, -1e4, 1e4]])
    loss = eta_balanced_cross_entropy(score, torch.tensor([0, 0, 1]),
                                      torch.tensor([1, 1, 1]), 0.25, 0.5)
    log2 = torch.tensor(2.).log()
    expected = torch.stack([
        torch.tensor(0.75 * 2e4), log2 + 0.5 * (1e4 - log2),
        0.5 * (2e4 + log2)
    ])
    torch.testing.assert_close(loss, expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize('num_classes', [2, 4])
@pytest.mark.parametrize('eta', [0., 0.5, 1.])
def test_gradcheck(eta, num_classes):
    score = SCORE[:, :num_classes].clone().requires_grad_()
    lam = torch.tensor([0.3, 0.9, 0.5], dtype=torch.float64)
    label_i, label_j = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])
    assert torch.autograd.gradcheck(
        lambda v: eta_balanced_cross_entropy(v, label_i, label_j, lam, eta),
        score)


def test_module_is_weighted_mean():
    loss = EtaBalancedCrossEntropy(eta=0.2, loss_weight=3.)
    expected = 3 * from_probabilities(SCORE, LABEL_I, LABEL_J, 0.3,
                                      0.2).mean()
    torch.testing.assert_close(loss(SCORE, LABEL_I, LABEL_J, 0.3), expected)


def test_paper_value_is_the_default():
    assert EtaBalancedCrossEntropy().eta == 0.5


def test_registered_in_root_registry():
    built = MODELS.build(dict(type='EtaBalancedCrossEntropy', eta=0.1))
    assert isinstance(built, EtaBalancedCrossEntropy) and built.eta == 0.1


@pytest.mark.parametrize('eta', [-0.1, 1.1, float('nan'), None])
def test_refuses_eta_outside_unit_interval(eta):
    with pytest.raises(ValueError, match=r'eta must be in \[0, 1\], got'):
        EtaBalancedCrossEntropy(eta)
    with pytest.raises(ValueError, match=r'eta must be in \[0, 1\], got'):
        eta_balanced_cross_entropy(SCORE, LABEL_I, LABEL_J, 0.3, eta)


@pytest.mark.parametrize('score', [torch.zeros(3, 1), torch.zeros(3)])
def test_refuses_fewer_than_two_classes(score):
    label = torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match='num_classes >= 2, got'):
        eta_balanced_cross_entropy(score, label, label, 0.3, 0.5)


def test_refuses_lam_of_another_batch_size():
    with pytest.raises(ValueError, match=r'\(3,\), got \(2,\)'):
        eta_balanced_cross_entropy(SCORE, LABEL_I, LABEL_J,
                                   torch.tensor([0.1, 0.2]), 0.5)
