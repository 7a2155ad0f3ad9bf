import pytest
import torch
import torch.nn.functional as F

from samix_mm.models import ResizeMix, Sources
from tests.helpers.methods import mix, noise_images

CPU = torch.device('cpu')


def boxes(mask):
    """Top, left, height and width of the zeros in each mask (1, H, W)."""
    found = []
    for (each, ) in mask:
        rows, columns = ((each == 0).any(dim=axis).nonzero().flatten()
                         for axis in (1, 0))
        found.append((rows[0].item(), columns[0].item(), len(rows),
                      len(columns)))
        assert (each == 0).sum() == len(rows) * len(columns)
    return found


@pytest.mark.parametrize('per_sample', [False, True])
@pytest.mark.parametrize('size', [(32, 32), (17, 23), (5, 2), (1, 1), (1, 7)])
def test_the_box_is_the_whole_partner_resized(size, per_sample):
    method = ResizeMix(lam_per_sample=per_sample)
    images, partners = noise_images(7, size), noise_images(7, size, seed=1)
    for _ in range(30):
        pairing = method.draw(7, CPU)
        scale = (1 - torch.as_tensor(pairing.lam)).sqrt().expand(7)
        mixture = method.mix(Sources(images, partners), pairing)
        for row, (top, left, height, width) in enumerate(
                boxes(mixture.mask)):
            # Complete: not cut off at the border.
            assert (height, width) == tuple(
                max(1, round(scale[row].item() * side)) for side in size)
            partner = partners[pairing.index[row]].unsqueeze(0)
            expected = images[row].clone()
            expected[:, top:top + height, left:left + width] = F.interpolate(
                partner, (height, width), mode='nearest')[0]
            assert torch.equal(mixture.inputs[row], expected)
            assert mixture.shares[row, 0].item() == pytest.approx(
                1 - height * width / (size[0] * size[1]))


def test_every_size_of_the_box_is_resized_as_by_interpolate():
    side = 224
    method = ResizeMix(scale=(0., 1.), lam_per_sample=True)
    images = torch.arange(side**2.).view(1, 1, side, side).expand(2, 3, -1, -1)
    for height in range(1, side + 1, 3):
        lam = 1 - (height / side)**2
        pairing = method.draw(2, CPU)._replace(lam=torch.full((2, ), lam))
        mixture = method.mix(Sources(-1 - images, images), pairing)
        top, left, *found = boxes(mixture.mask)[0]
        assert found == [height, height]
        assert torch.equal(
            mixture.inputs[0, :, top:top + height, left:left + height],
            F.interpolate(images[:1], (height, height), mode='nearest')[0])


def test_scales_are_uniform():
    """The paper's distribution: MMPretrain's pastes 0.35 on average."""
    method = ResizeMix(lam_per_sample=True)
    images = torch.zeros(4000, 3, 64, 64)
    mixture = mix(method, images)
    scale = mixture.shares[:, 1].sqrt()
    assert 0.09 < scale.min() and scale.max() < 0.81
    wanted = torch.linspace(0, 1, 11)
    torch.testing.assert_close(
        scale.quantile(wanted), 0.1 + 0.7 * wanted, rtol=0, atol=0.03)
    pasted = mixture.shares[:, 1]
    assert pasted.mean().item() == pytest.approx(0.243, abs=0.01)


def test_places_are_uniform_one_for_each_image():
    method = ResizeMix(scale=(0.5, 0.5))
    found = boxes(mix(method, torch.zeros(2000, 3, 8, 6)).mask)
    tops, lefts, heights, widths = torch.tensor(found).unbind(dim=1)
    assert (heights == 4).all() and (widths == 3).all()
    for corners, places in ((tops, 5), (lefts, 4)):
        counts = corners.bincount(minlength=places) / len(corners)
        torch.testing.assert_close(
            counts, torch.full((places, ), 1 / places), rtol=0, atol=0.04)


def test_one_scale_for_the_batch_or_one_for_each_image():
    images = torch.zeros(6, 3, 50, 50)
    sizes = {box[2:] for box in boxes(mix(ResizeMix(), images).mask)}
    assert len(sizes) == 1
    method = ResizeMix(lam_per_sample=True)
    assert len({box[2:] for box in boxes(mix(method, images).mask)}) > 3


@pytest.mark.parametrize(
    'scale', [(0.8, 0.1), (0.1, ), (-0.1, 0.5), (0.1, 1.1), 0.5, ('a', 1),
              (float('nan'), 0.5)])
def test_wrong_scales_are_refused(scale):
    with pytest.raises(ValueError, match='scale'):
        ResizeMix(scale=scale)
