import pytest
import torch

from samix_mm.models.mixing.pairing import PairStream

CPU = torch.device('cpu')


def draws(stream, count=4, num=7):
    return [stream.draw(num, CPU) for _ in range(count)]


def same(left, right):
    return all(
        torch.equal(torch.as_tensor(a.lam), torch.as_tensor(b.lam))
        and torch.equal(a.index, b.index) for a, b in zip(left, right))


@pytest.mark.parametrize('num', [2, 3, 50])
def test_partners_are_a_permutation(num):
    pair = PairStream().draw(num, CPU)
    assert pair.index.dtype == torch.long
    assert torch.equal(pair.index.sort().values, torch.arange(num))


@pytest.mark.parametrize('per_sample', [False, True])
def test_ratio_for_the_batch_or_for_each_sample(per_sample):
    lam = PairStream(per_sample=per_sample).draw(5, CPU).lam
    if per_sample:
        assert lam.shape == (5, ) and len(lam.unique()) == 5
    else:
        assert isinstance(lam, float)


def test_ratios_follow_beta():
    torch.manual_seed(0)
    stream = PairStream(alpha=2.)
    lam = torch.tensor([stream.draw(2, CPU).lam for _ in range(2000)])
    assert lam.mean().item() == pytest.approx(0.5, abs=0.02)
    assert lam.var().item() == pytest.approx(0.05, rel=0.1)


def test_draws_differ():
    first, second = draws(PairStream(), 2, num=30)
    assert first.lam != second.lam
    assert not torch.equal(first.index, second.index)


def test_seed_is_torchs():
    streams = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        streams.append(draws(PairStream()))
    assert same(streams[0], streams[1])
    assert not same(streams[0], streams[2])


def test_leaves_torchs_random_state_alone():
    stream = PairStream(per_sample=True)
    before = torch.get_rng_state()
    stream.draw(5, CPU)
    assert torch.equal(before, torch.get_rng_state())


def test_ranks_differ(monkeypatch):
    path = 'samix_mm.models.mixing.random_stream.get_rank'
    streams = []
    for rank in (0, 1, 0):
        monkeypatch.setattr(path, lambda rank=rank: rank)
        torch.manual_seed(1)
        streams.append(draws(PairStream()))
    assert not same(streams[0], streams[1])
    assert same(streams[0], streams[2])


@pytest.mark.parametrize('per_sample', [False, True])
def test_state_dict_restores_the_stream(per_sample):
    stream = PairStream(per_sample=per_sample)
    draws(stream, 3)
    state = stream.state_dict()
    expected = draws(stream)
    torch.manual_seed(99)
    resumed = PairStream(per_sample=per_sample)
    resumed.load_state_dict(state)
    assert same(draws(resumed), expected)
    assert resumed.seed == stream.seed
    assert resumed.num_draws == stream.num_draws == 7


def test_state_is_one_tensor():
    """MMEngine moves all values of a state dict to the CPU."""
    torch.manual_seed(2**63 - 1)
    state = PairStream().state_dict()
    assert [value.tolist() for value in state.values()] == [[2**63 - 1, 0]]


def test_has_no_parameters():
    assert list(PairStream().parameters()) == []


@pytest.mark.parametrize('alpha', [0., -1.])
def test_refuses_alpha(alpha):
    with pytest.raises(ValueError, match='alpha must be above 0, got'):
        PairStream(alpha)
