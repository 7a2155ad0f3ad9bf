import copy
from collections import Counter

import pytest
import torch

from samix_mm.models import (CutMix, FMix, ManifoldMix, MixUp, Pairing,
                             RandomChoice, ResizeMix, Sources, Vanilla)
from samix_mm.registry import MIXING_METHODS
from tests.helpers.methods import mix, noise_images, same_mixtures
from tests.helpers.tiny import batch, build
from tests.helpers.tiny_ssl import build_moco

CPU = torch.device('cpu')
CUTMIX_HALF = dict(
    type='RandomChoice', probs=[0.5, 0.5],
    methods=[dict(type='CutMix'), dict(type='Vanilla')])


def chosen(method, num_draws, monkeypatch):
    """How often each method draws, by its type."""
    counts = Counter()
    for child in method.modules():
        if child in method.methods:
            draw = child.draw

            def count(num, device, child=child, draw=draw):
                counts[type(child).__name__] += 1
                return draw(num, device)

            monkeypatch.setattr(child, 'draw', count, raising=False)
    for _ in range(num_draws):
        method.draw(2, CPU)
    return counts


@pytest.mark.parametrize('probs', [None, [0.7, 0.2, 0.1], [0, 1, 0]])
def test_methods_are_chosen_as_often_as_wanted(probs, monkeypatch):
    method = RandomChoice([MixUp(), CutMix(), Vanilla()], probs=probs)
    counts = chosen(method, 1000, monkeypatch)
    wanted = probs or [1 / 3] * 3
    for name, prob in zip(('MixUp', 'CutMix', 'Vanilla'), wanted):
        assert counts[name] == pytest.approx(1000 * prob, abs=60 * (prob > 0))


def test_each_method_has_its_own_law_of_ratios():
    method = RandomChoice([
        dict(type='MixUp', alpha=50.),
        dict(type='MixUp', alpha=0.02, lam_per_sample=True)
    ])
    near_half, extreme = [], []
    for _ in range(200):
        lam = method.draw(4, CPU).lam
        (extreme if isinstance(lam, torch.Tensor) else near_half).append(lam)
    assert all(0.3 < lam < 0.7 for lam in near_half) and near_half
    lam = torch.cat(extreme)
    assert ((lam - 0.5).abs() > 0.4).float().mean() > 0.9


def test_methods_of_one_kind_draw_different_numbers():
    """The first draw of one is not that of another, of it nested, or of the
    same method alone."""
    torch.manual_seed(0)
    nested = RandomChoice([CutMix(), CutMix()])
    method = RandomChoice([CutMix(), CutMix(), nested])
    streams = [CutMix(), *method.methods[:2], *nested.methods]
    lams = [each.draw(20, CPU).lam for each in streams]
    centres = [tuple(each.centres.next().random(2)) for each in streams]
    choices = [each.choices.current().random() for each in (method, nested)]
    for numbers in (lams, centres, choices):
        assert len(set(numbers)) == len(numbers)
    assert len({tuple(each.draw(20, CPU).index.tolist())
                for each in streams}) == len(streams)


def test_a_choice_within_a_choice_mixes_with_the_method_that_has_drawn():
    method = RandomChoice([
        RandomChoice([ResizeMix(), FMix()]), Vanilla(),
        ManifoldMix(levels=(2, ))
    ])
    images, kinds = noise_images(4), Counter()
    for _ in range(60):
        pairing = method.draw(4, CPU)
        mixture = method.mix(Sources(images), pairing)
        if mixture.index.size(1) == 1:
            kinds['vanilla'] += 1
        elif mixture.level:
            kinds['manifoldmix'] += 1
            assert mixture.level == 2 and pairing.lam == pytest.approx(
                mixture.shares[0, 0].item())
        else:
            # one mask for the batch, or a place for each image
            same = torch.equal(mixture.mask[0], mixture.mask[1])
            kinds['fmix' if same else 'resizemix'] += 1
            gap = (mixture.shares[:, 0] - pairing.lam).abs().max()
            assert gap < 0.1
    assert len(kinds) == 4 and min(kinds.values()) > 2


def test_a_ratio_that_is_replaced_is_used():
    method = RandomChoice([RandomChoice([MixUp()])])
    pairing = method.draw(3, CPU)._replace(lam=0.25)
    mixture = method.mix(Sources(noise_images(3)), pairing)
    assert mixture.shares[:, 0].tolist() == [0.25] * 3


def test_pictures_show_the_first_method():
    method = RandomChoice([FMix(), MixUp()])
    pairing = Pairing(0.3, torch.tensor([1, 0]))
    mask = method.mix(Sources(noise_images(2)), pairing).mask
    assert set(mask.unique().tolist()) == {0., 1.}


def test_a_checkpoint_continues_choices_and_draws():
    method = MIXING_METHODS.build(CUTMIX_HALF)
    images = noise_images(3)
    for _ in range(5):
        mix(method, images)
    torch.manual_seed(1)
    other = MIXING_METHODS.build(CUTMIX_HALF)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    for _ in range(20):
        assert same_mixtures(mix(method, images), mix(other, images))


def test_the_last_ratio_is_that_of_the_last_choice():
    method = RandomChoice([MixUp(), ResizeMix(), Vanilla()])
    for _ in range(20):
        pairing = method.draw(2, CPU)
        vanilla = torch.equal(pairing.index, torch.arange(
            2)) and pairing.lam == 1
        assert vanilla or method.last_lams() == [pairing.lam]


def test_it_needs_what_any_method_needs(tmp_path):
    from samix_mm.models import Mixer
    mixer = Mixer()
    mixer.set_in_channels(16)
    torch.save(mixer.state_dict(), tmp_path / 'mixer.pth')
    frozen = dict(
        type='SAMix', frozen=True,
        mixer=dict(
            type='Mixer',
            init_cfg=dict(
                type='Pretrained', checkpoint=str(tmp_path / 'mixer.pth'))))
    model = build(mixing=dict(
        type='RandomChoice',
        methods=[frozen, dict(type='ManifoldMix', levels=[3])]))
    method = model.mixing
    assert method.needs == {'features'} and method.levels == {0, 3}
    assert not method.learns
    # its weights are there, and nothing trains them
    for key, value in mixer.state_dict().items():
        assert torch.equal(method.methods[0].mixer.state_dict()[key], value)
    inputs, _, samples = batch()
    for _ in range(4):
        assert model.loss(inputs, samples)['loss_mix'].isfinite()
    assert not any(param.requires_grad for param in method.parameters())


def test_a_frozen_mixer_without_weights_is_refused():
    with pytest.raises(ValueError, match='frozen'):
        build(mixing=dict(
            type='RandomChoice',
            methods=[dict(type='SAMix', frozen=True), dict(type='MixUp')]))


def test_cutmix_in_half_of_the_batches():
    model = build(mixing=CUTMIX_HALF, clean_weight=0.)
    inputs, _, samples = batch()
    seen = Counter()
    mix_once = model.mixing.mix

    def watched(*args):
        mixture = mix_once(*args)
        seen[mixture.index.size(1)] += 1
        return mixture

    model.mixing.mix = watched
    for _ in range(12):
        loss = model.loss(inputs, samples)['loss_mix']
        assert loss.isfinite() and loss.requires_grad
    assert seen[1] > 0 and seen[2] > 0


@pytest.mark.parametrize('mixing', [CUTMIX_HALF, dict(type='Vanilla')])
def test_moco_refuses_what_does_not_mix_pairs(mixing):
    with pytest.raises(ValueError, match='MixMoCo mixes 2 images, but'):
        build_moco(type='MixMoCo', mixing=mixing)


@pytest.mark.parametrize('probs', [[0.5], [0.6, 0.6], [1.5, -0.5], 0.5,
                                   [float('nan'), 1.], ['0.5', '0.5'],
                                   [True, False]])
def test_wrong_probs_are_refused(probs):
    with pytest.raises(ValueError, match='probs must be 2 numbers'):
        RandomChoice([MixUp(), CutMix()], probs=probs)


@pytest.mark.parametrize('methods, error, match', [
    ([], ValueError, 'list of mixing methods'),
    (dict(type='MixUp'), ValueError, 'list of mixing methods'),
    (['MixUp'], TypeError, "dict\\(type='SAMix'"),
    ([dict(type='MixUpp')], KeyError, "did you mean 'MixUp'"),
    ([dict(type='SAMix')], ValueError, 'SAMix learns'),
])
def test_wrong_methods_are_refused(methods, error, match):
    with pytest.raises(error, match=match):
        RandomChoice(methods)
