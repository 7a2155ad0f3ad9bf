"""What holds for any mask, ratio and feature: drawn at random, with the
extremes among them."""
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samix_mm.models import CutMix, FMix, Mixer, MixUp, Pairing, Sources
from samix_mm.models.mixing.blending import adjust_mask, blend
from samix_mm.models.necks.mixing_attention import mixing_attention
from tests.helpers.drawn import (AUTOCAST, DTYPES, SCALES, SEEDS, SIDES, UNIT,
                                 autocast, column, lams, masks, noise)


@given(masks())
def test_an_adjusted_mask_has_the_ratio_as_mean(drawn):
    mask, lam = drawn
    adjusted = adjust_mask(mask, lam)
    assert adjusted.dtype == torch.float32 and adjusted.shape == mask.shape
    assert (adjusted >= 0).all() and (adjusted <= 1).all()
    torch.testing.assert_close(
        adjusted.mean(dim=(1, 2, 3)), column(lam, len(mask)), rtol=1e-5,
        atol=1e-6)
    again = adjust_mask(adjusted, lam)
    torch.testing.assert_close(again, adjusted, rtol=1e-4, atol=1e-6)


@given(masks())
def test_adjusting_scales_one_of_the_two_shares(drawn):
    """So that no pixel changes sides, and zeros of that share stay."""
    mask, lam = drawn
    adjusted, mask = adjust_mask(mask, lam).double(), mask.double()
    moved = (adjusted - mask).flatten(1)
    low, high = moved.amin(dim=1), moved.amax(dim=1)
    assert ((low >= -1e-6) | (high <= 1e-6)).all()  # all up or all down
    for old, new, down in zip(mask, adjusted, low < -1e-6):
        old, new = (old, new) if down else (1 - old, 1 - new)
        cross = old.flatten()[:, None] * new.flatten()
        torch.testing.assert_close(cross, cross.t(), rtol=1e-4, atol=1e-6)


@given(masks())
def test_exchanged_images_have_exchanged_masks(drawn):
    mask, lam = drawn[0].float(), drawn[1]
    mirrored = adjust_mask(1 - mask, 1 - column(lam, len(mask)))
    torch.testing.assert_close(
        mirrored, 1 - adjust_mask(mask, lam), rtol=0, atol=2e-6)


@given(st.data(), DTYPES, st.integers(1, 4), SIDES, SIDES)
def test_a_blend_is_between_its_images(data, dtype, num, height, width):
    scales = st.sampled_from([1., 1e4, 6e4])
    first, partners = (
        data.draw(noise(num, 3, height, width, dtype=dtype, scales=scales))
        for _ in range(2))
    index = torch.randperm(num)
    mask = data.draw(noise(num, 1, height, width, scales=st.just(1.))).abs()
    mixed = blend(first, mask, index, partners)
    assert mixed.dtype == dtype
    low = torch.minimum(first, partners[index]).double()
    high = torch.maximum(first, partners[index]).double()
    slack = 2 * torch.finfo(dtype).eps * torch.maximum(low.abs(), high.abs())
    assert (mixed.double() >= low - slack).all()
    assert (mixed.double() <= high + slack).all()
    share = mask.to(dtype).double()
    expected = share * first.double() + (1 - share) * partners[index].double()
    assert ((mixed.double() - expected).abs() <= 2 * slack + 1e-6).all()
    ones = torch.ones_like(mask)
    assert torch.equal(blend(first, ones, index, partners), first)
    assert torch.equal(
        blend(first, 0 * ones, index, partners), partners[index])
    same = blend(first, mask, torch.arange(num))
    torch.testing.assert_close(same, first)


@given(st.data(), st.integers(1, 4))
def test_exchanged_images_with_one_minus_the_mask_blend_the_same(data, num):
    first, second = (data.draw(noise(num, 2, 3, 4)) for _ in range(2))
    mask = data.draw(noise(num, 1, 3, 4, scales=st.just(1.))).abs()
    index = torch.arange(num)
    torch.testing.assert_close(
        blend(first, mask, index, second),
        blend(second, 1 - mask, index, first), rtol=1e-5, atol=5e-3)


@pytest.mark.parametrize('method', [MixUp(), CutMix(), FMix()])
@given(st.data(), st.integers(1, 4), SIDES, SIDES)
def test_masks_of_the_methods(method, data, num, height, width):
    lam = data.draw(lams(num))
    images = data.draw(noise(num, 3, height, width))
    pairing = Pairing(lam, torch.arange(num).flip(0))
    mixture = method.mix(Sources(images), pairing)
    mask = mixture.mask
    assert mask.shape == (num, 1, height, width)
    torch.testing.assert_close(mixture.inputs,
                               blend(images, mask, pairing.index))
    # labels follow what is shown
    shown = mask.mean(dim=(1, 2, 3))
    torch.testing.assert_close(mixture.shares,
                               torch.stack([shown, 1 - shown], dim=1))
    ratios = column(lam, num).view(-1, 1, 1, 1)
    if isinstance(method, MixUp):
        assert torch.equal(mask, ratios.expand_as(mask))
        return
    assert ((mask == 0) | (mask == 1)).all()
    assert mask[ratios[:, 0, 0, 0] == 1].all()
    if isinstance(method, FMix):  # the ratio, up to a pixel
        gap = (shown - ratios.flatten()).abs() * height * width
        assert (gap <= 1 + 1e-3).all()
        return
    for box in mask[:, 0] == 0:  # a rectangle
        rows, columns = box.any(dim=1), box.any(dim=0)
        assert torch.equal(box, rows[:, None] & columns)


@given(st.data(), AUTOCAST, st.booleans(), st.booleans(), st.integers(2, 4),
       SIDES, SIDES)
def test_masks_of_the_mixer(data, dtype, train, share_qk, num, h, w):
    torch.manual_seed(data.draw(SEEDS))
    mixer = Mixer(in_channels=6, share_qk=share_qk).train(train)
    mixer.init_weights()
    scales = SCALES if dtype != torch.float16 else st.sampled_from([0., 1e2])
    feats = [data.draw(noise(num, 6, h, w, scales=scales)) for _ in range(2)]
    if data.draw(st.booleans()):  # constant maps
        feats = [feat[..., :1, :1].expand_as(feat) for feat in feats]
    mixer.gamma.data.fill_(data.draw(st.sampled_from([-0.5, 0., 0.3, 1.])))
    with autocast(dtype):
        mask = mixer(*feats, data.draw(lams(num)), (2 * h, 3 * w))
    assert mask.shape == (num, 1, 2 * h, 3 * w)
    assert mask.dtype == torch.float32
    assert ((mask > 0) & (mask < 1)).all()  # of which NaN is neither
    mask.sum().backward()
    assert all(param.grad.isfinite().all() for param in mixer.parameters())


@given(st.data(), st.integers(1, 3), UNIT, UNIT)
def test_without_gamma_the_mixer_does_not_know_the_ratio(data, num, low, high):
    mixer = Mixer(in_channels=4).eval()
    feats = [data.draw(noise(num, 4, 3, 2)) for _ in range(2)]
    low, high = (mixer(*feats, lam, (6, 4)) for lam in (low, high))
    torch.testing.assert_close(low, high)


@given(st.data(), AUTOCAST, st.integers(1, 3), st.integers(1, 5), SIDES, SIDES)
def test_attention_is_a_distribution(data, dtype, num, channels, h, w):
    query, key = (data.draw(noise(num, channels, h, w)) for _ in range(2))
    with autocast(dtype):
        attention = mixing_attention(query, key)
    assert attention.shape == (num, h * w, h * w) and (attention >= 0).all()
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(num, h * w))
