"""What all methods have from their base classes."""
import pytest
import torch

from samix_mm.models import (MaskMethod, MixingMethod, MixUp, Pairing, SAMix,
                             Sources)
from samix_mm.models.mixing.method import (masked_mixture, two_shares,
                                           with_first)
from samix_mm.registry import MIXING_METHODS

NUM, SIZE = 3, (4, 6)
INDEX = torch.tensor([2, 0, 1])
IMAGES = torch.rand(NUM, 3, *SIZE)


class Stripes(MaskMethod):
    """Every other row, of all images the same."""

    def masks(self, sources, pairing):
        mask = torch.zeros(1, 1, *sources.images.shape[2:])
        mask[:, :, ::2] = 1
        return mask


def test_a_method_need_say_nothing_else_than_mix():
    class Own(MixingMethod):

        def mix(self, sources, pairing):
            return masked_mixture(sources, pairing.index,
                                  torch.ones(NUM, 1, *SIZE), 1.)

    method = Own(alpha=0.7, lam_per_sample=True)
    assert method.needs == frozenset() and method.levels == {0}
    assert not method.learns
    assert list(method.training_mixtures(Sources(IMAGES))) == []
    assert method.loss(None, None) == method.log_vars() == {}
    assert list(method.parameters()) == []
    pairing = method.draw(NUM, torch.device('cpu'))
    assert pairing.lam.shape == (NUM, )
    assert method.last_lams() == [pairing.lam[:1]]


def test_labels_follow_what_a_mask_shows():
    mixture = Stripes().mix(Sources(IMAGES), Pairing(0.9, INDEX))
    assert mixture.mask.shape == (NUM, 1, *SIZE)
    torch.testing.assert_close(mixture.shares, torch.full((NUM, 2), 0.5))
    assert mixture.index.tolist() == [[0, 2], [1, 0], [2, 1]]
    assert torch.equal(mixture.inputs[:, :, ::2], IMAGES[:, :, ::2])
    assert torch.equal(mixture.inputs[:, :, 1::2], IMAGES[INDEX][:, :, 1::2])
    assert mixture.level == 0 and mixture.companions is None


def test_partners_come_from_the_other_view():
    others = torch.rand(NUM, 3, *SIZE)
    mixture = Stripes().mix(Sources(IMAGES, others), Pairing(0.9, INDEX))
    assert torch.equal(mixture.inputs[:, :, 1::2], others[INDEX][:, :, 1::2])


def test_a_part_of_the_images():
    mixture = MixUp().mix(
        Sources(IMAGES), Pairing(torch.tensor([0.2, 0.6]), INDEX[:2].clone()))
    assert mixture.inputs.shape[0] == mixture.shares.shape[0] == 2
    torch.testing.assert_close(mixture.inputs[1],
                               0.6 * IMAGES[1] + 0.4 * IMAGES[0])


def test_images_are_not_changed_and_no_gradient_is_wanted():
    images = IMAGES.clone().requires_grad_()
    mixture = Stripes().mix(Sources(images), Pairing(0.9, INDEX))
    assert not mixture.inputs.requires_grad
    assert torch.equal(images, IMAGES)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_shares_of_images_of_low_precision(dtype):
    """A number of bfloat16 is off by up to 0.4 %."""
    images = IMAGES.to(dtype)
    lam = torch.tensor([0.2013, 0.5007, 0.99])
    mixture = MixUp().mix(Sources(images), Pairing(lam, INDEX))
    assert mixture.inputs.dtype == dtype
    assert mixture.shares.dtype == torch.float32
    torch.testing.assert_close(mixture.shares[:, 0], lam, rtol=0, atol=1e-6)


def test_helpers():
    assert with_first(INDEX).tolist() == [[0, 2], [1, 0], [2, 1]]
    shares = two_shares(0.25, torch.zeros(2, 3))
    assert shares.tolist() == [[0.25, 0.75]] * 2


def test_methods_are_built_by_name_class_or_scope():
    for cfg in (dict(type='MixUp', alpha=0.3), dict(type=MixUp, alpha=0.3),
                dict(type='MixUp', alpha=0.3, _scope_='samix_mm')):
        method = MIXING_METHODS.build(cfg)
        assert isinstance(method, MixUp) and method.pairings.alpha == 0.3


@pytest.mark.parametrize('cfg, error, message', [
    (dict(type='Samix'), KeyError, "did you mean 'SAMix'"),
    (dict(type='Nothing'), KeyError, 'There are .*CutMix, .*FMix'),
    (dict(alpha=1.), TypeError, "is written as dict\\(type='SAMix'"),
    ('MixUp', TypeError, "is written as dict\\(type='SAMix'"),
    (dict(type='MixUp', alfa=1.), TypeError, 'alfa'),
])
def test_refuses_configs(cfg, error, message):
    with pytest.raises(error, match=message):
        MIXING_METHODS.build(cfg)


def test_only_a_method_with_losses_of_its_own_learns():
    """Parameters do not decide: one without any never learns, nor does one
    that is frozen."""
    names = {
        name for name, cls in MIXING_METHODS.module_dict.items()
        if cls.__module__.startswith('samix_mm.') and name != 'RandomChoice'
    }
    learning = {
        name for name in names if MIXING_METHODS.build(dict(type=name)).learns
    }
    assert learning == {'SAMix'}
    assert not SAMix(frozen=True).learns
