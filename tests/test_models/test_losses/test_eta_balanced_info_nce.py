import pytest
import torch

from samix_mm.models import EtaBalancedInfoNCE
from samix_mm.models.losses import eta_balanced_info_nce

TEMPERATURE = 0.2
LAM = torch.tensor([0.3, 0.5, 0.9, 0.0], dtype=torch.float64)


def similarities(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    sims = torch.rand(4, 9, generator=generator, dtype=torch.float64) * 2 - 1
    return tuple(
        sim.to(dtype).requires_grad_() for sim in (sims[:, 0], sims[:, 1],
                                                   sims[:, 2:]))


def loss(*sims, lam=LAM, eta=0.5, temperature=TEMPERATURE):
    return eta_balanced_info_nce(*sims, lam, eta, temperature)


def test_eta_1_is_the_soft_cross_entropy_over_positives_and_negatives():
    sim_i, sim_j, sim_neg = similarities()
    logits = torch.cat([sim_i[:, None], sim_j[:, None], sim_neg],
                       dim=1) / TEMPERATURE
    log_probs = logits.log_softmax(dim=1)
    expected = -LAM * log_probs[:, 0] - (1 - LAM) * log_probs[:, 1]
    torch.testing.assert_close(loss(sim_i, sim_j, sim_neg, eta=1.), expected)


def test_eta_0_is_the_binary_loss_of_eq_7():
    sim_i, sim_j, sim_neg = similarities()
    share = (sim_i / TEMPERATURE).exp() / (
        (sim_i / TEMPERATURE).exp() + (sim_j / TEMPERATURE).exp())
    expected = -LAM * share.log() - (1 - LAM) * (1 - share).log()
    result = loss(sim_i, sim_j, sim_neg, eta=0.)
    torch.testing.assert_close(result, expected)
    result.sum().backward()
    assert not sim_neg.grad.any()
    assert sim_i.grad.abs().sum() > 0


def test_it_is_linear_in_eta():
    sims = similarities()
    low, middle, high = (loss(*sims, eta=eta) for eta in (0., 0.25, 1.))
    torch.testing.assert_close(middle, low + 0.25 * (high - low))
    assert (high > low).all()


@pytest.mark.parametrize('eta', [0., 0.5, 1.])
def test_gradient(eta):
    assert torch.autograd.gradcheck(
        lambda *sims: loss(*sims, eta=eta), similarities())


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_it_is_computed_in_float32(dtype):
    sims = similarities(dtype)
    result = loss(*sims, temperature=0.001)
    assert result.dtype == torch.float32
    result.sum().backward()
    assert torch.isfinite(result).all()
    assert all(torch.isfinite(sim.grad).all() for sim in sims)


def test_module_is_the_batch_mean_with_a_weight():
    sims = similarities()
    module = EtaBalancedInfoNCE(eta=0.5, temperature=0.1, loss_weight=3.)
    expected = 3 * loss(*sims, lam=0.4, eta=0.5, temperature=0.1).mean()
    torch.testing.assert_close(module(*sims, 0.4), expected)
    defaults = EtaBalancedInfoNCE()
    assert (defaults.eta, defaults.temperature) == (0.5, 0.2)


@pytest.mark.parametrize('kwargs, message', [
    (dict(eta=1.5), r'eta must be in \[0, 1\], got 1.5'),
    (dict(temperature=0.), 'temperature must be above 0, got 0.0'),
])
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        loss(*similarities(), **kwargs)
    with pytest.raises(ValueError, match=message):
        EtaBalancedInfoNCE(**kwargs)


def test_refuses_other_shapes():
    sim_i, sim_j, sim_neg = similarities()
    with pytest.raises(ValueError, match='shapes'):
        loss(sim_i[:, None], sim_j, sim_neg)
    with pytest.raises(ValueError, match='shapes'):
        loss(sim_i, sim_j, sim_neg[:2])
