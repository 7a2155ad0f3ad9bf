import pytest
import torch

from samix_mm.models.mixing.blending import adjust_mask, blend

SHAPE = (4, 1, 7, 5)
LAM = torch.tensor([0.05, 0.4, 0.5, 0.93])


def test_blend_formula():
    inputs, mask = torch.randn(4, 3, 7, 5), torch.rand(SHAPE)
    index = torch.tensor([2, 0, 3, 1])
    mixed = blend(inputs, mask, index)
    for n, partner in enumerate(index.tolist()):
        share = mask[n]  # the same for all channels
        expected = share * inputs[n] + (1 - share) * inputs[partner]
        torch.testing.assert_close(mixed[n], expected)


@pytest.mark.parametrize('value', [0., 1.])
def test_blend_with_all_of_one_image_is_that_image(value):
    inputs = 1e3 * torch.randn(4, 3, 7, 5)
    index = torch.tensor([2, 0, 3, 1])
    mixed = blend(inputs, torch.full(SHAPE, value), index)
    assert torch.equal(mixed, inputs if value else inputs[index])


def test_blend_keeps_the_images_type():
    inputs = torch.randn(4, 3, 7, 5, dtype=torch.bfloat16)
    mixed = blend(inputs, torch.rand(SHAPE), torch.arange(4))
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed, inputs)


def test_blend_passes_gradient_to_the_mask():
    inputs = torch.randn(2, 3, 2, 3, dtype=torch.float64)
    mask = torch.rand(2, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([1, 0])
    blend(inputs, mask, index).sum().backward()
    expected = (inputs - inputs[index]).sum(dim=1, keepdim=True)
    torch.testing.assert_close(mask.grad, expected)


@pytest.mark.parametrize('lam', [0., 0.05, 0.5, 0.8, 1., LAM])
@pytest.mark.parametrize('power', [0.1, 1., 9.])
def test_adjusted_mean_is_the_ratio_of_each_image(lam, power):
    mask = torch.rand(SHAPE)**power  # means far above and below the ratio
    adjusted = adjust_mask(mask, lam)
    assert adjusted.shape == SHAPE
    means = adjusted.mean(dim=(1, 2, 3))
    expected = torch.as_tensor(lam).expand(4)
    torch.testing.assert_close(means, expected, rtol=0, atol=1e-5)
    assert (adjusted >= 0).all() and (adjusted <= 1).all()


@pytest.mark.parametrize('constant', [0., 1., 1e-30, 1 - 1e-7])
@pytest.mark.parametrize('lam', [0., 0.3, 1., LAM])
def test_constant_masks_become_constant_ratios(constant, lam):
    adjusted = adjust_mask(torch.full(SHAPE, constant), lam)
    expected = torch.as_tensor(lam).expand(4).view(-1, 1, 1, 1)
    torch.testing.assert_close(
        adjusted, expected.expand(SHAPE), rtol=0, atol=1e-5)


def test_mask_with_the_right_mean_is_unchanged():
    mask = torch.tensor([0., 0.25, 0.75, 1.]).view(1, 1, 2, 2)
    torch.testing.assert_close(adjust_mask(mask, 0.5), mask)


def test_formulas_of_the_two_directions():
    mask = torch.tensor([0.2, 0.4, 0.6, 0.8]).view(1, 1, 2, 2)  # mean 0.5
    torch.testing.assert_close(adjust_mask(mask, 0.25), mask / 2)
    torch.testing.assert_close(adjust_mask(mask, 0.75), 1 - (1 - mask) / 2)


def test_exchanging_the_images_exchanges_the_shares():
    mask = torch.rand(SHAPE)
    torch.testing.assert_close(
        adjust_mask(1 - mask, 1 - LAM), 1 - adjust_mask(mask, LAM))


@pytest.mark.parametrize('lam', [0.1, 0.9])
def test_order_of_positions_is_kept(lam):
    mask = torch.linspace(0, 1, 35).view(1, 1, 7, 5)
    adjusted = adjust_mask(mask, lam).flatten()
    assert (adjusted.diff() > 0).all()


def test_mean_is_exact_for_masks_of_low_precision():
    adjusted = adjust_mask(torch.rand(SHAPE).bfloat16(), LAM)
    assert adjusted.dtype == torch.float32
    torch.testing.assert_close(
        adjusted.mean(dim=(1, 2, 3)), LAM, rtol=0, atol=1e-5)
