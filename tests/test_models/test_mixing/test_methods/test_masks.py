import pytest
import torch

from samix_mm.models import CutMix, MixUp
from tests.helpers.tiny import batch, build

SIZE = (40, 60)
IMAGES = torch.zeros(3, 3, *SIZE)


@pytest.mark.parametrize('lam', [0.3, torch.tensor([0.1, 0.5, 1.0])])
def test_mixup_masks_are_constant(lam):
    mask = MixUp()(IMAGES, IMAGES, lam, SIZE)
    assert mask.shape == (3, 1, *SIZE)
    expected = torch.as_tensor(lam).expand(3).view(3, 1, 1, 1)
    assert torch.equal(mask, expected.expand(3, 1, *SIZE).to(mask))


def sides(mask):
    """Height and width of the box of zeros in a mask (1, H, W)."""
    box = mask[0] == 0
    return box.any(dim=1).sum().item(), box.any(dim=0).sum().item()


def test_cutmix_masks_are_boxes_of_the_right_sides():
    policy = CutMix()
    lam = torch.tensor([0.19, 0.75, 0.5])
    seen = []
    for _ in range(200):
        mask = policy(IMAGES, IMAGES, lam, SIZE)
        assert set(mask.unique().tolist()) <= {0., 1.}
        heights, widths = zip(*(sides(image) for image in mask))
        seen.append((heights, widths))
        for image, height, width in zip(mask, heights, widths):
            assert (image == 0).sum() == height * width
    heights, widths = torch.tensor(seen).amax(dim=0)
    share = (1 - lam).sqrt()
    # whole boxes among them, cut off at the border by no more than a pixel
    torch.testing.assert_close(heights.float(), share * 40, atol=1.5, rtol=0)
    torch.testing.assert_close(widths.float(), share * 60, atol=1.5, rtol=0)


def test_boxes_are_nowhere_more_often_than_at_the_opposite_place():
    images = torch.zeros(4000, 3, 4, 4)
    share = CutMix()(images, images, torch.full((4000, ), 0.5), (4, 4)).mean(0)
    torch.testing.assert_close(share, share.flip(1, 2), rtol=0, atol=0.05)


def test_one_ratio_makes_one_box():
    mask = CutMix()(IMAGES, IMAGES, 0.5, SIZE)
    assert torch.equal(mask[0], mask[1]) and torch.equal(mask[0], mask[2])
    each = CutMix()(IMAGES, IMAGES, torch.full((3, ), 0.5), SIZE)
    assert not torch.equal(each[0], each[1])


def test_extreme_ratios():
    policy = CutMix()
    assert policy(IMAGES, IMAGES, 1., SIZE).all()
    assert policy(IMAGES, IMAGES, 0., SIZE).mean() < 0.8


def test_a_checkpoint_goes_on_with_the_boxes_and_pictures_use_none_up():
    policy = CutMix()
    policy(IMAGES, IMAGES, 0.5, SIZE)
    other = CutMix()
    other.load_state_dict(policy.state_dict())
    policy.eval()
    policy(IMAGES, IMAGES, 0.5, SIZE)
    policy.train()
    for _ in range(3):
        assert torch.equal(
            policy(IMAGES, IMAGES, 0.5, SIZE),
            other(IMAGES, IMAGES, 0.5, SIZE))


@pytest.mark.parametrize('name', ['MixUp', 'CutMix'])
def test_in_the_classifier_a_policy_costs_no_momentum_pass(name):
    model = build(mixer=dict(type=name))

    def fail(*args):
        raise AssertionError('the momentum network ran')

    model.momentum_net.backbone.register_forward_pre_hook(fail)
    inputs, _, samples = batch()
    losses = model.loss(inputs, samples)
    assert {key for key in losses if 'loss' in key} == {
        'loss_mix', 'loss_onehot'
    }


def test_labels_follow_what_cutmix_shows():
    model = build(mixer=dict(type='CutMix'))
    inputs, _, _ = batch()
    _, pair = model.draw_pairs(inputs)
    mask, shown = model.online_masks(inputs, model.project(inputs), pair)
    assert torch.equal(shown.index, pair.index)
    torch.testing.assert_close(shown.lam, mask.mean(dim=(1, 2, 3)))
