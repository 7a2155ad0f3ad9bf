"""What holds for any logits, masks and ratios: drawn at random, with the
extremes among them."""
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from samix_mm.models.losses import (eta_balanced_cross_entropy,
                                    eta_balanced_info_nce, mask_loss)
from samix_mm.models.mixing.pairing import PairingStream
from samix_mm.models.selfsup.key_queue import enqueue, random_queue
from samix_mm.utils.lam import sample_lam
from tests.helpers.drawn import (AUTOCAST, DTYPES, ETAS, SEEDS, autocast,
                                 column, lams, masks, noise)


def balanced(score, label_i, label_j, lam, eta):
    """Eqs. 3, 6 and 8 from log-probabilities in float64; and Eq. 3."""
    log_prob = score.double().log_softmax(dim=1)
    log_a, log_b = (
        log_prob.gather(1, label[:, None])[:, 0]
        for label in (label_i, label_j))
    mixup = -lam * log_a - (1 - lam) * log_b
    pair = torch.where(label_i == label_j, log_a, torch.logaddexp(
        log_a, log_b))
    return mixup + (1 - eta) * pair, mixup


@st.composite
def logits(draw):
    """Logits (N, K), perhaps with one of 1e30, labels and ratios."""
    num, classes = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    score = draw(noise(num, classes, dtype=draw(DTYPES)))
    if score.dtype == torch.float32 and draw(st.booleans()):
        score[0, draw(st.integers(0, classes - 1))] = draw(
            st.sampled_from([1e30, -1e30]))
    labels = st.lists(
        st.integers(0, classes - 1), min_size=num, max_size=num)
    return (score, torch.tensor(draw(labels)), torch.tensor(draw(labels)),
            draw(lams(num)))


def close(actual, expected, size):
    """Up to what float32 can tell of numbers of a size."""
    atol = 2e-6 * max(1, float(size.detach().abs().max()))
    torch.testing.assert_close(
        actual.double(), expected, rtol=1e-5, atol=atol)


def check_loss(function, inputs, size, expected, mixup, eta, dtype):
    """Value, sign and gradients of a loss of each sample, whose logits are
    of a size."""
    inputs = [part.requires_grad_() for part in inputs]
    with autocast(dtype):
        loss = function(*inputs)
    assert loss.dtype == torch.float32
    assert loss.isfinite().all() and (loss >= 0).all()
    close(loss, expected, size)
    if eta == 1:
        close(loss, mixup, size)
    for grad in torch.autograd.grad(loss.sum(), inputs):
        assert grad.isfinite().all()
    return loss


@given(logits(), ETAS, AUTOCAST)
def test_cross_entropy(drawn, eta, dtype):
    score, label_i, label_j, lam = drawn
    ratios = column(lam, len(score)).double()
    expected, mixup = balanced(score, label_i, label_j, ratios, eta)
    loss = check_loss(
        lambda v: eta_balanced_cross_entropy(v, label_i, label_j, lam, eta),
        [score], score, expected, mixup, eta, dtype)
    order = torch.randperm(len(score))
    torch.testing.assert_close(
        eta_balanced_cross_entropy(score[order], label_i[order],
                                   label_j[order], ratios[order], eta),
        loss[order])
    mirrored = eta_balanced_cross_entropy(score, label_j, label_i, 1 - ratios,
                                          eta)
    close(mirrored, loss.double(), score)


@given(logits(), ETAS)
def test_cross_entropy_does_not_change_with_a_shift(drawn, eta):
    """The gradients of each sample's logits add up to 0."""
    score = (drawn[0].double().clamp(-1e4, 1e4)).requires_grad_()
    loss = eta_balanced_cross_entropy(score, *drawn[1:], eta)
    grad, = torch.autograd.grad(loss.sum(), score)
    torch.testing.assert_close(
        grad.sum(dim=1), torch.zeros(len(grad)).double(), rtol=0, atol=1e-9)
    assert (grad.abs() <= 1 + 1e-9).all()


@given(st.data(), DTYPES, ETAS, AUTOCAST, st.integers(1, 5),
       st.integers(1, 7), st.sampled_from([1e-3, 0.07, 0.2, 5.]))
def test_info_nce(data, dtype, eta, amp, num, num_neg, temperature):
    lam = data.draw(lams(num))
    scales = st.sampled_from([0., 0.3, 1., 1e4])
    sims = data.draw(noise(num, 2 + num_neg, dtype=dtype, scales=scales))
    parts = [sims[:, 0].clone(), sims[:, 1].clone(), sims[:, 2:].clone()]
    label = torch.zeros(num, dtype=torch.long)
    # the temperature divides in float32
    score = sims.float() / temperature
    expected, mixup = balanced(score, label, label + 1,
                               column(lam, num).double(), eta)
    loss = check_loss(
        lambda *v: eta_balanced_info_nce(*v, lam, eta, temperature),
        [part.clone() for part in parts], score, expected, mixup, eta, amp)
    order = torch.randperm(num_neg)
    swapped = eta_balanced_info_nce(parts[1], parts[0], parts[2][:, order],
                                    1 - column(lam, num), eta, temperature)
    close(swapped, loss.double(), score)


@given(masks(), st.floats(0, 0.5), st.floats(0, 3))
def test_mask_loss(drawn, margin, weight):
    mask, lam = drawn
    mask = mask.clone().requires_grad_()
    loss = mask_loss(mask, lam, margin, weight)
    grad, = torch.autograd.grad(loss.sum(), mask)
    assert loss.dtype == torch.float32 and grad.isfinite().all()
    rows = mask.detach().double().flatten(1)
    gap = (rows.mean(dim=1) - column(lam, len(mask)).double()).abs()
    variance = (rows**2).mean(dim=1) - rows.mean(dim=1)**2
    expected = (gap - margin).clamp(min=0) - weight * variance
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=2e-6)
    assert (loss >= -weight / 4 - 1e-5).all()
    only_gap = mask_loss(mask, lam, margin, 0.)
    assert (only_gap[gap < margin - 1e-6] == 0).all()
    assert (only_gap[gap > margin + 1e-6] > 0).all()
    order = torch.randperm(rows.size(1))
    moved = mask.detach().flatten(2)[..., order].view(mask.shape)
    torch.testing.assert_close(
        mask_loss(moved, lam, margin, weight), loss, rtol=1e-5, atol=2e-6)
    mirrored = mask_loss(1 - mask.float(), 1 - column(lam, len(mask)), margin,
                         weight)
    torch.testing.assert_close(mirrored, loss, rtol=1e-5, atol=5e-6)


# Ratios, partners and keys


@given(st.floats(1e-6, 1e6), st.integers(2, 9), st.booleans(), SEEDS)
def test_ratios_and_partners(alpha, num, per_sample, seed):
    torch.manual_seed(seed)
    drawn = sample_lam(alpha, num)
    assert ((drawn >= 0) & (drawn <= 1)).all() and 0 <= sample_lam(alpha) <= 1
    lam, index = PairingStream(alpha, per_sample).draw(
        num, torch.device('cpu'))
    assert ((column(lam, num) >= 0) & (column(lam, num) <= 1)).all()
    assert sorted(index.tolist()) == list(range(num))


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 8), SEEDS)
def test_only_finite_keys_join_the_queue(queue_len, num, start, seed):
    generator = torch.Generator().manual_seed(seed)
    queue, pointer = random_queue(4, queue_len), torch.tensor([start])
    pointer %= queue_len
    keys = F.normalize(torch.randn(num, 4, generator=generator))
    bad = torch.rand(num, generator=generator) < 0.3
    keys[bad, 1] = float('nan')
    keys[:1, 0] *= float('inf')
    expected, place = queue.clone(), pointer.item()
    for number, key in enumerate(keys):
        if key.isfinite().all() and number >= num - queue_len:
            expected[:, place] = key
        place = (place + 1) % queue_len
    enqueue(queue, pointer, keys)
    assert torch.equal(queue, expected) and pointer.item() == place
