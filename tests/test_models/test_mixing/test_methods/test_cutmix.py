import torch

from samix_mm.models import CutMix, Pairing, Sources
from tests.helpers.tiny import batch, build

SIZE = (40, 60)


def masks(method, lam, num=3, size=SIZE):
    images = torch.zeros(num, 3, *size)
    pairing = Pairing(lam, torch.arange(num).roll(1))
    return method.masks(Sources(images), pairing)


def sides(mask):
    """Height and width of the box of zeros in a mask (1, H, W)."""
    box = mask[0] == 0
    return box.any(dim=1).sum().item(), box.any(dim=0).sum().item()


def test_masks_are_boxes_of_the_right_sides():
    method = CutMix()
    lam = torch.tensor([0.19, 0.75, 0.5])
    seen = []
    for _ in range(200):
        mask = masks(method, lam)
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
    mask = masks(CutMix(), torch.full((4000, ), 0.5), num=4000, size=(4, 4))
    share = mask.mean(dim=0)
    torch.testing.assert_close(share, share.flip(1, 2), rtol=0, atol=0.05)


def test_one_ratio_makes_one_box():
    mask = masks(CutMix(), 0.5)
    assert torch.equal(mask[0], mask[1]) and torch.equal(mask[0], mask[2])
    each = masks(CutMix(), torch.full((3, ), 0.5))
    assert not torch.equal(each[0], each[1])


def test_extreme_ratios():
    assert masks(CutMix(), 1.).all()
    assert masks(CutMix(), 0.).mean() < 0.8


def test_a_checkpoint_goes_on_with_the_boxes_and_pictures_use_none_up():
    method = CutMix()
    masks(method, 0.5)
    other = CutMix()
    other.load_state_dict(method.state_dict())
    method.eval()
    masks(method, 0.5)
    method.train()
    for _ in range(3):
        assert torch.equal(masks(method, 0.5), masks(other, 0.5))


def test_in_the_classifier_it_costs_no_momentum_pass():
    model = build(mixing=dict(type='CutMix'), momentum_net=True)

    def fail(*args):
        raise AssertionError('the momentum network ran')

    model.momentum_net.backbone.register_forward_pre_hook(fail)
    inputs, _, samples = batch()
    losses = model.loss(inputs, samples)
    assert {key for key in losses if 'loss' in key} == {
        'loss_mix', 'loss_clean'
    }


def test_labels_follow_what_is_shown():
    method, images = CutMix(), torch.zeros(3, 3, *SIZE)
    partners = torch.ones_like(images)
    mixture = method.mix(
        Sources(images, partners), Pairing(0.1, torch.tensor([1, 2, 0])))
    shown = 1 - mixture.inputs.mean(dim=(1, 2, 3))
    torch.testing.assert_close(mixture.shares[:, 0], shown)
    assert not torch.allclose(shown, torch.full((3, ), 0.1))
