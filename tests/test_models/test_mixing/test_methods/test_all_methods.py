"""What holds for each method of the registry."""
import copy
import pickle
import random

import numpy as np
import pytest
import torch

from tests.helpers.methods import (METHODS, build_method, mix, noise_images,
                                   same_mixtures, sources_of, takes)

ALL = pytest.mark.parametrize('name', METHODS)
PER_SAMPLE = [(name, per_sample) for name in METHODS
              for per_sample in (False, True)
              if not per_sample or takes(name, 'lam_per_sample')]
BOTH = pytest.mark.parametrize('name, per_sample', PER_SAMPLE)


def build(name, per_sample=False):
    kwargs = dict(lam_per_sample=True) if per_sample else {}
    return build_method(name, **kwargs)


def flat_images(num, size, dtype, first=0):
    """Images of one colour each: their number from ``first`` on."""
    colours = torch.arange(first, first + num, dtype=dtype)
    return colours.view(-1, 1, 1, 1).expand(num, 3, *size)


def colours_by(mixture, first=0):
    """Colours that a mixture of flat images must have, by its mask."""
    mask = mixture.mask.float()
    if mixture.index.size(1) == 2:
        mask = torch.cat([mask, 1 - mask], dim=1)  # (M, R, H, W)
    colours = mixture.index.float()
    colours[:, 1:] += first
    return (mask * colours[:, :, None, None]).sum(dim=1, keepdim=True)


@pytest.mark.parametrize('num', [2, 3, 7])
@pytest.mark.parametrize('size', [(13, 9), (8, 8), (1, 1)])
@BOTH
def test_labels_and_pixels_are_those_of_the_mask(name, per_sample, size, num):
    """Partners come from the other view, and their own colour tells it."""
    method = build(name, per_sample)
    images = flat_images(num, size, torch.float32)
    partners = flat_images(num, size, torch.float32, first=40)
    for _ in range(5):
        mixture = mix(method, images, partners)
        index, shares = mixture.index, mixture.shares
        assert index.shape == shares.shape == (num, *index.shape[1:])
        assert torch.equal(index[:, 0], torch.arange(num))
        for column in index[:, 1:].unbind(dim=1):
            assert sorted(column.tolist()) == list(range(num))
        assert shares.dtype == torch.float32 and (shares >= 0).all()
        torch.testing.assert_close(
            shares.sum(dim=1), torch.ones(num), rtol=0, atol=1e-6)
        torch.testing.assert_close(
            mixture.mask[:, :1].mean(dim=(1, 2, 3)), shares[:, 0], rtol=0,
            atol=1e-5)
        if mixture.level:
            assert torch.equal(mixture.inputs, images)
            assert mixture.companions is partners
        else:
            assert mixture.inputs.shape == images.shape
            torch.testing.assert_close(
                mixture.inputs, colours_by(mixture, 40).expand_as(images))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@BOTH
def test_half_precision(name, per_sample, dtype):
    """Labels are as exact as with float32."""
    images = flat_images(3, (13, 9), dtype)
    mixture = mix(build(name, per_sample), images)
    exact = mix(build(name, per_sample), images.float())
    assert mixture.inputs.dtype == dtype
    assert mixture.shares.dtype == torch.float32
    if name == 'SAMix':  # its masks are made of features
        return
    assert torch.equal(mixture.shares, exact.shares)
    torch.testing.assert_close(
        mixture.inputs.float(), exact.inputs, rtol=1e-2, atol=1e-2)


@ALL
def test_under_autocast(name):
    images = noise_images()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixture = mix(build(name), images)
    assert mixture.shares.dtype == torch.float32
    assert mixture.inputs.isfinite().all()


@pytest.mark.parametrize(
    'name, per_sample', [case for case in PER_SAMPLE if case[0] != 'SAMix'])
def test_all_is_on_the_device_of_the_images(name, per_sample):
    """Nothing of the mixture stays on the CPU, where numbers are drawn, and
    nobody waits for what is on the device. SAMix switches autocast off, which
    the device 'meta' does not know."""
    method = build(name, per_sample)
    images = noise_images().to('meta')
    for _ in range(3):
        mixture = mix(method, images, images.clone())
        for part in mixture:
            if isinstance(part, torch.Tensor):
                assert part.device == images.device


@ALL
def test_the_layout_of_the_images_does_not_matter(name):
    images, partners = noise_images(), noise_images(seed=1)
    strided = noise_images(10)[::2]
    expected = mix(build(name), images, partners)
    found = mix(
        build(name), images.to(memory_format=torch.channels_last),
        partners.transpose(2, 3).contiguous().transpose(2, 3))
    assert torch.equal(found.index, expected.index)
    torch.testing.assert_close(found.inputs, expected.inputs)
    torch.testing.assert_close(found.shares, expected.shares)
    assert not strided.is_contiguous()
    torch.testing.assert_close(
        mix(build(name), strided).inputs,
        mix(build(name), strided.contiguous()).inputs)


@ALL
@pytest.mark.parametrize('layout',
                         [torch.contiguous_format, torch.channels_last])
def test_mixed_images_have_the_layout_of_the_images(name, layout):
    """By it PyTorch chooses how the whole network is computed."""
    images, partners = (
        noise_images(seed=seed).contiguous(memory_format=layout)
        for seed in (0, 1))
    mixed = mix(build(name), images, partners).inputs
    assert mixed.is_contiguous(memory_format=layout)


@ALL
def test_partners_in_a_view_of_their_own_are_not_the_images(name):
    images, partners = noise_images(), noise_images(seed=1)
    alone, crossed = mix(build(name), images), mix(
        build(name), images, partners)
    assert torch.equal(alone.index, crossed.index)
    if crossed.level:
        assert alone.companions is None and crossed.companions is partners
    elif crossed.index.size(1) > 1:
        assert not torch.equal(alone.inputs, crossed.inputs)


@ALL
def test_images_stay_as_they_are_and_get_no_gradient(name):
    images, partners = noise_images(), noise_images(seed=1)
    before = images.clone(), partners.clone()
    mixture = mix(build(name), images.requires_grad_(),
                  partners.requires_grad_())
    tensors = [part for part in mixture if isinstance(part, torch.Tensor)]
    assert not any(
        part.requires_grad for part in tensors if part is not partners)
    assert torch.equal(images, before[0])
    assert torch.equal(partners, before[1])


@BOTH
def test_the_global_random_states_are_left_alone(name, per_sample):
    method = build(name, per_sample)
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(),
              random.getstate())
    mix(method, noise_images())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]


@BOTH
def test_each_draw_is_another_one_and_a_checkpoint_continues_them(
        name, per_sample):
    method, images = build(name, per_sample), noise_images(7, (16, 16))
    first = mix(method, images)
    torch.manual_seed(1)  # of another run
    copies = [copy.deepcopy(method), pickle.loads(pickle.dumps(method))]
    other = build(name, per_sample)
    other.load_state_dict(method.state_dict())
    seen = [first]
    for _ in range(4):
        seen.append(mix(method, images))
        for each in (other, *copies):
            assert same_mixtures(mix(each, images), seen[-1])
    if name != 'Vanilla':
        assert not any(same_mixtures(first, later) for later in seen[1:])


@BOTH
def test_mixing_in_evaluation_mode_uses_no_random_numbers_up(name, per_sample):
    method, images = build(name, per_sample), noise_images()
    pairing = method.draw(len(images), images.device)
    state = copy.deepcopy(method.state_dict())
    method.eval()
    pictures = [method.mix(sources_of(images), pairing) for _ in range(3)]
    assert all(same_mixtures(picture, pictures[0]) for picture in pictures)
    after = method.state_dict()
    for key, value in state.items():
        assert torch.equal(after[key], value), key
    method.train()
    if name != 'SAMix':  # whose norm layers have two modes
        assert same_mixtures(
            method.mix(sources_of(images), pairing), pictures[0])


@ALL
def test_another_process_draws_other_numbers(name, monkeypatch):
    mixtures = []
    for rank in range(2):
        method = build(name)
        monkeypatch.setattr(
            'samix_mm.models.mixing.random_stream.get_rank', lambda r=rank: r)
        mixtures.append(mix(method, noise_images(7, (16, 16))))
    assert same_mixtures(*mixtures) == (name == 'Vanilla')


@ALL
def test_the_first_of_a_batch_may_be_mixed_alone(name):
    """Partners of the first M may be any of the N."""
    method, images = build(name), noise_images(5)
    pairing = method.draw(5, images.device)
    lam = pairing.lam
    short = pairing._replace(
        lam=lam[:2] if isinstance(lam, torch.Tensor) else lam,
        index=torch.tensor([4, 3]))
    mixture = method.mix(sources_of(images), short)
    assert mixture.inputs.shape == (2, *images.shape[1:])
    assert mixture.index[:, 1:].flatten().tolist() in ([4, 3], [])
    if mixture.level:
        assert mixture.companions is images


@ALL
def test_last_lams_are_those_of_the_last_step(name):
    method = build(name)
    assert method.last_lams() == []
    for _ in range(4):
        pairing = method.draw(3, torch.device('cpu'))
        if name != 'Vanilla':
            assert method.last_lams()[-1] == pairing.lam
