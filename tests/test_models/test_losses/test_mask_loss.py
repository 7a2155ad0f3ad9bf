import pytest
import torch
from mmengine.registry import MODELS

from samix_mm.models import MaskLoss
from samix_mm.models.losses import mask_loss


def flat(*means, size=(3, 5)):
    """Masks without variance, one for each mean."""
    return torch.tensor(means).view(-1, 1, 1, 1).expand(-1, 1, *size).clone()


@pytest.mark.parametrize('lam', [0.3, torch.tensor([0.1, 0.6, 0.95])])
def test_formula(lam):
    masks = torch.rand(3, 1, 5, 7)
    lams = torch.as_tensor(lam).expand(3).tolist()
    expected = []
    for mask, ratio in zip(masks.flatten(1).tolist(), lams):
        mean = sum(mask) / len(mask)
        variance = sum((value - mean)**2 for value in mask) / len(mask)
        gap = max(abs(ratio - mean) - 0.05, 0)
        expected.append(gap - 3 * variance)
    loss = mask_loss(masks, lam, margin=0.05, variance_weight=3.)
    torch.testing.assert_close(loss, torch.tensor(expected))


def test_gap_is_of_each_image_and_not_of_the_batch():
    masks = flat(1., 0.)  # the mean of the batch is the ratio
    loss = mask_loss(masks, 0.5, margin=0.1, variance_weight=0.)
    torch.testing.assert_close(loss, torch.tensor([0.4, 0.4]))


def test_variance_is_of_each_image_and_not_of_the_batch():
    masks = flat(1., 0.)  # the batch has variance, no image has
    loss = mask_loss(masks, 0.5, margin=1., variance_weight=2.)
    torch.testing.assert_close(loss, torch.zeros(2))


def test_sparse_masks_cost_less_than_flat_ones():
    sparse = torch.tensor([0., 1.]).view(1, 1, 1, 2).expand(1, 1, 4, 2)
    loss = MaskLoss()
    assert loss(sparse, 0.5) < loss(flat(0.5), 0.5)
    # variance of a mask of zeros and ones is 1/4, its weight 2
    torch.testing.assert_close(loss(sparse, 0.5), torch.tensor(-0.5))


@pytest.mark.parametrize('lam', [0.41, 0.5, 0.59])
def test_no_cost_inside_the_margin(lam):
    masks = flat(0.5).requires_grad_()
    loss = MaskLoss(margin=0.1, variance_weight=0.)(masks, lam)
    loss.backward()
    assert loss == 0 and (masks.grad == 0).all()


@pytest.mark.parametrize('lam, sign', [(0.2, 1), (0.8, -1)])
def test_gradient_moves_the_mean_to_the_ratio(lam, sign):
    masks = flat(0.5).requires_grad_()
    MaskLoss(variance_weight=0.)(masks, lam).backward()
    torch.testing.assert_close(masks.grad,
                               torch.full_like(masks, sign / 15))


def test_gradcheck():
    masks = torch.rand(3, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    lam = torch.tensor([0., 1., 0.45], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: mask_loss(s, lam, 0.1, 2.),
                                    masks)


def test_module_is_the_mean():
    masks, lam = torch.rand(4, 1, 3, 3), torch.rand(4)
    loss = MaskLoss(margin=0.02, variance_weight=0.5)(masks, lam)
    torch.testing.assert_close(loss, mask_loss(masks, lam, 0.02, 0.5).mean())


def test_computes_in_float32():
    masks = flat(0.5).bfloat16()
    loss = mask_loss(masks, 0.7001, margin=0.1, variance_weight=2.)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.tensor([0.1001]))


def test_registered_with_the_papers_margin():
    loss = MODELS.build(dict(type='MaskLoss'))
    assert loss.margin == 0.1 and loss.variance_weight == 2.


@pytest.mark.parametrize('name', ['margin', 'variance_weight'])
def test_refuses_negative_arguments(name):
    with pytest.raises(ValueError, match=f'{name} must be a number of 0'):
        MaskLoss(**{name: -1})
