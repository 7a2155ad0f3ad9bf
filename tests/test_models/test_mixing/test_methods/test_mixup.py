import pytest
import torch

from samix_mm.models import MixUp, Pairing, Sources
from tests.helpers.methods import noise_images

INDEX = torch.tensor([2, 0, 1])


@pytest.mark.parametrize('lam', [0.3, torch.tensor([0.1, 0.5, 1.0])])
def test_masks_are_the_ratio_everywhere(lam):
    images = noise_images(3)
    mask = MixUp().masks(Sources(images), Pairing(lam, INDEX))
    assert mask.shape == (3, 1, *images.shape[2:])
    expected = torch.as_tensor(lam).expand(3).view(3, 1, 1, 1)
    assert torch.equal(mask, expected.expand_as(mask).to(mask))


@pytest.mark.parametrize('lam', [0.3, torch.tensor([0.1, 0.5, 1.0])])
def test_pixels_and_labels(lam):
    images, partners = noise_images(3), noise_images(3, seed=1)
    mixture = MixUp().mix(Sources(images, partners), Pairing(lam, INDEX))
    share = torch.as_tensor(lam).expand(3)
    # the ratio itself, not the mean of a mask
    assert torch.equal(mixture.shares, torch.stack([share, 1 - share], dim=1))
    share = share.view(3, 1, 1, 1)
    torch.testing.assert_close(
        mixture.inputs, share * images + (1 - share) * partners[INDEX])


@pytest.mark.parametrize('alpha', [0.2, 2.])
def test_ratios_follow_beta(alpha):
    method = MixUp(alpha=alpha, lam_per_sample=True)
    lam = method.draw(4000, torch.device('cpu')).lam
    assert lam.mean().item() == pytest.approx(0.5, abs=0.03)
    assert lam.var().item() == pytest.approx(
        1 / (4 * (2 * alpha + 1)), rel=0.1)
