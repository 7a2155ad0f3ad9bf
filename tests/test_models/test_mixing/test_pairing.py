import pytest
import torch

from samix_mm.models.mixing.pairing import PairingStream, part_of_batch

CPU = torch.device('cpu')


def draws(stream, count=4, num=7):
    return [stream.draw(num, CPU) for _ in range(count)]


def same(left, right):
    return all(
        torch.equal(torch.as_tensor(a.lam), torch.as_tensor(b.lam))
        and torch.equal(a.index, b.index) for a, b in zip(left, right))


@pytest.mark.parametrize('num', [2, 3, 50])
def test_partners_are_a_permutation(num):
    pairing = PairingStream(2.).draw(num, CPU)
    assert pairing.index.dtype == torch.long
    assert torch.equal(pairing.index.sort().values, torch.arange(num))


@pytest.mark.parametrize('per_sample', [False, True])
def test_ratio_for_the_batch_or_for_each_sample(per_sample):
    lam = PairingStream(2., lam_per_sample=per_sample).draw(5, CPU).lam
    if per_sample:
        assert lam.shape == (5, ) and len(lam.unique()) == 5
    else:
        assert isinstance(lam, float)


def test_ratios_follow_beta():
    torch.manual_seed(0)
    stream = PairingStream(alpha=2.)
    lam = torch.tensor([stream.draw(2, CPU).lam for _ in range(2000)])
    assert lam.mean().item() == pytest.approx(0.5, abs=0.02)
    assert lam.var().item() == pytest.approx(0.05, rel=0.1)


def test_draws_differ():
    first, second = draws(PairingStream(2.), 2, num=30)
    assert first.lam != second.lam
    assert not torch.equal(first.index, second.index)


def test_seed_is_torchs():
    streams = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        streams.append(draws(PairingStream(2.)))
    assert same(streams[0], streams[1])
    assert not same(streams[0], streams[2])


def test_leaves_torchs_random_state_alone():
    stream = PairingStream(2., lam_per_sample=True)
    before = torch.get_rng_state()
    stream.draw(5, CPU)
    assert torch.equal(before, torch.get_rng_state())


def test_ranks_differ(monkeypatch):
    path = 'samix_mm.models.mixing.random_stream.get_rank'
    streams = []
    for rank in (0, 1, 0):
        monkeypatch.setattr(path, lambda rank=rank: rank)
        torch.manual_seed(1)
        streams.append(draws(PairingStream(2.)))
    assert not same(streams[0], streams[1])
    assert same(streams[0], streams[2])


@pytest.mark.parametrize('per_sample', [False, True])
def test_state_dict_restores_the_stream(per_sample):
    stream = PairingStream(2., lam_per_sample=per_sample)
    draws(stream, 3)
    state = stream.state_dict()
    expected = draws(stream)
    torch.manual_seed(99)
    resumed = PairingStream(2., lam_per_sample=per_sample)
    resumed.load_state_dict(state)
    assert same(draws(resumed), expected)
    assert resumed.seed == stream.seed
    assert resumed.num_draws == stream.num_draws == 7


def test_state_is_one_tensor():
    """MMEngine moves all values of a state dict to the CPU."""
    torch.manual_seed(2**63 - 1)
    state = PairingStream(2.).state_dict()
    assert [value.tolist() for value in state.values()] == [[2**63 - 1, 0]]


def test_has_no_parameters():
    assert list(PairingStream(2.).parameters()) == []


@pytest.mark.parametrize('alpha', [0., -1.])
def test_refuses_alpha(alpha):
    with pytest.raises(ValueError, match='alpha must be above 0, got'):
        PairingStream(alpha)


def test_refuses_lam_per_sample_that_is_no_flag():
    with pytest.raises(ValueError, match="lam_per_sample must be True or F"):
        PairingStream(2., 'False')


@pytest.mark.parametrize('num', [0, 1])
def test_refuses_a_batch_without_partners(num):
    with pytest.raises(ValueError, match='at least 2 images in a batch, got '
                       f'{num}.*drop_last=True'):
        PairingStream(2.).draw(num, CPU)


@pytest.mark.parametrize('per_sample', [False, True])
def test_the_last_ratios_again(per_sample):
    stream = PairingStream(2., lam_per_sample=per_sample)
    assert stream.last_lams(2) == []
    lams = [pairing.lam for pairing in draws(stream, 3)]
    first = [lam[:1] for lam in lams] if per_sample else lams
    assert stream.last_lams(2) == first[1:]
    assert stream.last_lams(9) == first
    assert stream.num_draws == 3


@pytest.mark.parametrize('ratio, num, expected', [
    (1., 7, 7), (0.5, 7, 4), (0.5, 8, 4), (0.01, 8, 2), (1., 2, 2),
    (1., 1, 1), (0.5, 1, 1)])
def test_part_of_batch(ratio, num, expected):
    assert part_of_batch(ratio, num) == expected
