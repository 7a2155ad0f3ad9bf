import numpy as np
import pytest
import torch

from samix_mm.utils.lam import lam_like, sample_lam


def test_one_number_or_one_for_each_sample():
    one, each = sample_lam(2.), sample_lam(2., 5)
    assert isinstance(one, float) and 0 <= one <= 1
    assert each.shape == (5, ) and each.dtype == torch.float32
    assert len(each.unique()) == 5


@pytest.mark.parametrize('alpha', [0.2, 1., 2., 8.])
def test_moments_of_the_beta_distribution(alpha):
    rng = np.random.default_rng(0)
    lam = sample_lam(alpha, 40000, rng)
    assert (0 <= lam).all() and (lam <= 1).all()
    assert lam.mean().item() == pytest.approx(0.5, abs=0.01)
    variance = 1 / (4 * (2 * alpha + 1))
    assert lam.var().item() == pytest.approx(variance, rel=0.05)


def test_single_draws_follow_the_same_distribution():
    rng = np.random.default_rng(0)
    lam = torch.tensor([sample_lam(2., rng=rng) for _ in range(4000)])
    assert lam.mean().item() == pytest.approx(0.5, abs=0.015)
    assert lam.var().item() == pytest.approx(0.05, rel=0.1)


def test_reproducible_with_a_generator():
    draws = [
        sample_lam(2., 4, np.random.default_rng(seed)) for seed in (3, 3, 4)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_reproducible_with_torchs_seed():
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append((sample_lam(2.), sample_lam(2.)))
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[0][1]


@pytest.mark.parametrize('alpha', [0, -1., float('nan')])
def test_refuses_alpha(alpha):
    with pytest.raises(ValueError, match='alpha must be above 0, got'):
        sample_lam(alpha)


@pytest.mark.parametrize(
    'lam', [0.25, torch.tensor(0.25), torch.full((3, ), 0.25)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_lam_like_has_one_value_a_sample(lam, dtype):
    out = lam_like(lam, torch.zeros(3, 2, dtype=dtype))
    assert torch.equal(out, torch.full((3, ), 0.25, dtype=dtype))


@pytest.mark.parametrize('lam', [torch.zeros(2), torch.zeros(3, 1)])
def test_lam_like_refuses_other_shapes(lam):
    with pytest.raises(ValueError, match=r'shape \(3,\), got'):
        lam_like(lam, torch.zeros(3, 2))
