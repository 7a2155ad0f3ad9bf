import numpy as np
import pytest
import torch

from samix_mm.models import FMix, Pairing, Sources


def masks(method, lam, num=3, size=(16, 16)):
    images = torch.zeros(num, 3, *size)
    pairing = Pairing(lam, torch.arange(num).roll(1))
    return method.masks(Sources(images), pairing)


def edges(mask):
    """Mean numbers of vertical and of horizontal edges in a mask."""
    vertical = (mask[..., :-1] != mask[..., 1:]).float()
    horizontal = (mask[..., :-1, :] != mask[..., 1:, :]).float()
    return [each.sum(dim=(1, 2, 3)).mean().item()
            for each in (vertical, horizontal)]


@pytest.mark.parametrize('size', [(7, 5), (9, 16), (3, 31), (1, 6), (1, 1)])
def test_the_mean_is_the_ratio_up_to_a_pixel(size):
    method, one = FMix(), 1 / (size[0] * size[1])
    for lam in (0., 0.013, 0.25, 0.5, 0.77, 1.):
        mask = masks(method, lam, size=size)
        assert set(mask.unique().tolist()) <= {0., 1.}
        assert abs(mask[0].mean().item() - lam) < one
        assert torch.equal(mask[0], mask[1])
    lam = torch.rand(50)
    mask = masks(method, lam, num=50, size=size)
    assert ((mask.mean(dim=(1, 2, 3)) - lam).abs() < one).all()


def test_rounding_prefers_neither_side():
    lam = torch.full((2000, ), 0.5 / 9)
    shown = masks(FMix(), lam, num=2000, size=(3, 3)).sum(dim=(1, 2, 3))
    assert set(shown.tolist()) == {0., 1.}
    assert shown.mean().item() == pytest.approx(0.5, abs=0.05)


def test_the_larger_part_of_a_mask_is_where_the_noise_is_largest():
    """The masks against a computation in numpy: the real part of the inverse
    transform of the full spectrum, divided by the frequency to a power."""
    for decay in (1., 3.):
        method = FMix(decay=decay)
        rng = method.noise.generator_of(0)
        size = (11, 14)
        mask = masks(method, torch.full((4, ), 0.4), num=4, size=size)
        noise = rng.standard_normal((4, *size), 'float32').astype('float64')
        rows, columns = np.meshgrid(*map(np.fft.fftfreq, size), indexing='ij')
        frequency = np.maximum(np.hypot(rows, columns), 1 / 14)
        grey = np.fft.ifft2(np.fft.fft2(noise) / frequency**decay).real
        for each, levels in zip(mask[:, 0].numpy(), grey):
            assert levels[each == 1].min() > levels[each == 0].max()


def test_rows_and_columns_are_treated_alike():
    lam = torch.full((3000, ), 0.5)
    vertical, horizontal = edges(masks(FMix(), lam, num=3000))
    assert vertical == pytest.approx(horizontal, rel=0.03)


def test_a_larger_decay_makes_smoother_shapes():
    lam = torch.full((200, ), 0.5)
    lengths = [
        sum(edges(masks(FMix(decay=decay), lam, num=200)))
        for decay in (0.5, 1.5, 3., 6.)
    ]
    assert all(
        longer > 1.1 * shorter
        for longer, shorter in zip(lengths, lengths[1:]))


@pytest.mark.parametrize('decay', [0, -1., float('nan'), '3'])
def test_wrong_decays_are_refused(decay):
    with pytest.raises(ValueError, match='decay'):
        FMix(decay=decay)
