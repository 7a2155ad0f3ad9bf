import pytest
import torch

from samix_mm.models import Pairing, Sources
from samix_mm.models.mixing import MixingMethod
from samix_mm.registry import MIXING_METHODS
from tests.helpers.tiny import batch, build
from tests.helpers.tiny_ssl import build_moco, views

NUM, SIZE = 4, (8, 6)
IMAGES = torch.rand(NUM, 3, *SIZE)
OTHERS = torch.rand(NUM, 3, *SIZE)
METHODS = dict(
    Vanilla=dict(type='Vanilla'),
    MixUp=dict(type='MixUp'),
    CutMix=dict(type='CutMix'),
    FMix=dict(type='FMix'),
    ResizeMix=dict(type='ResizeMix'),
    ManifoldMix=dict(type='ManifoldMix', levels=(0, )),
    SAMix=dict(type='SAMix', mixer=dict(type='Mixer', in_channels=5)),
    RandomChoice=dict(
        type='RandomChoice',
        methods=[dict(type='FMix'), dict(type='CutMix')]))


class Counting:
    """A function of images that counts its calls."""

    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


def test_images_are_their_own_partners():
    assert Sources(IMAGES).partners is IMAGES
    assert Sources(IMAGES, OTHERS).partners is OTHERS
    labels = torch.arange(NUM)
    assert Sources(IMAGES, labels=labels).labels is labels
    assert Sources(IMAGES).labels is None


@pytest.mark.parametrize('part', ['features', 'saliency'])
def test_each_part_is_computed_once_and_on_first_use(part):
    pair = torch.rand(NUM, 5, 2, 2), torch.rand(NUM, 5, 2, 2)
    given = Counting(pair)
    sources = Sources(IMAGES, **{part: given})
    assert given.calls == 0
    for _ in range(3):
        first, second = getattr(sources, part)()
        assert first is pair[0] and second is pair[1]
    assert given.calls == 1


@pytest.mark.parametrize('part', ['features', 'saliency'])
@pytest.mark.parametrize('lazy', [False, True])
def test_one_tensor_serves_images_and_partners(part, lazy):
    value = torch.rand(NUM, 5, 2, 2)
    sources = Sources(IMAGES, **{part: Counting(value) if lazy else value})
    first, second = getattr(sources, part)()
    assert first is value and second is value


def test_scores_are_asked_for_each_image():
    seen = []

    def scores(images):
        seen.append(images)
        return images.mean(dim=(2, 3))

    sources = Sources(IMAGES, scores=scores)
    assert torch.equal(sources.scores(OTHERS), OTHERS.mean(dim=(2, 3)))
    assert seen[0] is OTHERS


@pytest.mark.parametrize('part', ['features', 'saliency', 'scores'])
def test_what_nobody_gave(part):
    sources = Sources(IMAGES)
    args = (IMAGES, ) if part == 'scores' else ()
    with pytest.raises(
            RuntimeError, match=f'asks for {part}, which nobody gave: name '
            f"'{part}' in its `needs`, .* or give "
            rf'Sources\(..., {part}=...\)'):
        getattr(sources, part)(*args)


def test_what_is_kept_belongs_to_one_step():
    sources, computed = Sources(IMAGES), Counting(3)
    assert [sources.once('key', computed) for _ in range(2)] == [3, 3]
    assert sources.once('other', computed) == 3 and computed.calls == 2
    Sources(IMAGES).once('key', computed)
    assert computed.calls == 3


def test_keys_of_a_method_do_not_meet_those_of_the_sources():
    """A method may call what it keeps as it likes."""
    feats = torch.rand(NUM, 5, 2, 2)
    sources = Sources(IMAGES, features=lambda: feats)
    assert sources.once('features', lambda: 7) == 7
    assert sources.features()[0] is feats


@pytest.mark.parametrize('shape', [(NUM, 3, 8, 5), (NUM - 1, 3, 8, 6)])
def test_refuses_partners_of_another_shape(shape):
    with pytest.raises(ValueError, match='images and partners must have the '
                       r'same shape, got \(4, 3, 8, 6\) and'):
        Sources(IMAGES, torch.rand(shape))


# Every method, by hand


def test_all_methods_are_tried():
    assert METHODS.keys() == {
        name for name, cls in MIXING_METHODS.module_dict.items()
        if cls.__module__.startswith('samix_mm.')
    }


@pytest.mark.parametrize('partners', [None, OTHERS], ids=['same', 'other'])
@pytest.mark.parametrize('per_sample', [False, True])
@pytest.mark.parametrize('name', METHODS)
def test_methods_mix_by_hand(name, per_sample, partners):
    """In plain PyTorch: no algorithm, no runner."""
    method: MixingMethod = MIXING_METHODS.build(METHODS[name])
    method.init_weights()
    drawn = method.draw(NUM, IMAGES.device)
    given = Pairing(
        torch.tensor([0.2, 0.5, 0.7, 0.9]) if per_sample else 0.4,
        torch.tensor([1, 2, 3, 0]))
    if name == 'Vanilla':
        given = given._replace(index=torch.arange(NUM))
    for pairing in (drawn, given):
        sources = Sources(
            IMAGES,
            partners,
            labels=torch.arange(NUM),
            features=torch.rand(NUM, 5, 4, 3))
        mixture = method.mix(sources, pairing)
        assert mixture.inputs.shape == IMAGES.shape
        assert not mixture.inputs.requires_grad
        assert mixture.index.shape == mixture.shares.shape
        assert torch.equal(mixture.index[:, 0], torch.arange(NUM))
        torch.testing.assert_close(mixture.shares.sum(dim=1),
                                   torch.ones(NUM))
        if mixture.index.size(1) == 2:
            assert torch.equal(mixture.index[:, 1], pairing.index)
        if mixture.mask is not None and name != 'ResizeMix':
            mask, others = mixture.mask, sources.partners[pairing.index]
            torch.testing.assert_close(mixture.inputs,
                                       mask * IMAGES + (1 - mask) * others)


# What algorithms build


def sources_of(model, step):
    seen = []
    mix = model.mixing.mix
    model.mixing.mix = lambda sources, pairing: (seen.append(sources)
                                                 or mix(sources, pairing))
    step()
    return seen[0]


@pytest.mark.parametrize('method', ['MixUp', 'SAMix'])
def test_a_classifier_computes_features_once_and_if_needed(method):
    model = build(type='MixClassifier', mixing=dict(type=method)).train()
    inputs, labels, samples = batch()
    calls, features_of = [], model.features_of
    model.features_of = lambda images: (calls.append(images)
                                        or features_of(images))
    sources = sources_of(model, lambda: model.loss(inputs, samples))
    assert len(calls) == (1 if method == 'SAMix' else 0)
    assert torch.equal(sources.labels, labels)
    assert sources.images is sources.partners
    if method == 'SAMix':
        first, second = sources.features()
        assert first is second and len(calls) == 1


def test_a_self_supervised_algorithm_gives_the_other_view():
    model = build_moco().train()
    inputs, samples = views()
    sources = sources_of(model, lambda: model.loss(inputs, samples))
    assert sources.images is inputs[0] and sources.partners is inputs[1]
    assert sources.labels is None
    for feats, view in zip(sources.features(), inputs):
        expected = model.eval().features_of(view)
        assert feats.shape == expected.shape
    model = build_moco(views='same').train()
    sources = sources_of(model, lambda: model.loss(inputs, samples))
    assert sources.images is sources.partners is inputs[0]


def test_pseudo_labels_of_clusters():
    from tests.helpers.tiny_ssl import CLUSTERS
    model = build_moco(objective=CLUSTERS).train()
    inputs, samples = views()
    before = model.clusters.labels[:4].clone()
    sources = sources_of(model, lambda: model.loss(inputs, samples))
    assert torch.equal(sources.labels, before)
