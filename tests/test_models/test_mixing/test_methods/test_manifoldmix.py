from collections import Counter

import pytest
import torch

from samix_mm.models import ManifoldMix, Sources
from tests.helpers.methods import build_method, mix, noise_images
from tests.helpers.tiny import BACKBONES, batch, build
from tests.helpers.tiny_ssl import build_moco, views

CPU = torch.device('cpu')


def method_of(levels, **kwargs):
    return dict(type='ManifoldMix', levels=levels, **kwargs)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('per_sample', [False, True])
def test_level_0_is_mixup_bit_for_bit(per_sample, dtype):
    images, partners = noise_images(dtype=dtype), noise_images(
        seed=1, dtype=dtype)
    kwargs = dict(alpha=2., lam_per_sample=per_sample)
    manifold = build_method('ManifoldMix', levels=(0, ), **kwargs)
    mixup = build_method('MixUp', **kwargs)
    for _ in range(5):
        found, expected = (
            mix(method, images, partners) for method in (manifold, mixup))
        assert torch.equal(found.inputs, expected.inputs)
        assert torch.equal(found.index, expected.index)
        assert torch.equal(found.shares, expected.shares)
        assert found.level == 0 and found.companions is None


def test_levels_are_equally_frequent():
    method, images = ManifoldMix(levels=(0, 2, 3)), noise_images(2, (2, 2))
    counts = Counter(mix(method, images).level for _ in range(1500))
    assert sorted(counts) == [0, 2, 3]
    assert all(abs(count - 500) < 80 for count in counts.values())


def test_labels_and_images_above_level_0():
    method = ManifoldMix(levels=(1, ), lam_per_sample=True)
    images, partners = noise_images(4), noise_images(4, seed=1)
    pairing = method.draw(4, CPU)
    mixture = method.mix(Sources(images, partners), pairing)
    assert torch.equal(mixture.inputs, images)
    assert mixture.companions is partners
    assert torch.equal(mixture.index[:, 1], pairing.index)
    assert torch.equal(mixture.shares[:, 0], pairing.lam)
    assert torch.equal(mixture.mask[:, 0, 0, 0], pairing.lam)
    # no additional pass for partners that run anyway
    assert method.mix(Sources(images), pairing).companions is None


@pytest.mark.parametrize('levels', [(), (5, ), (-1, ), (0.5, ), (True, ),
                                    (1, 1), 1, '12'])
def test_wrong_levels_are_refused(levels):
    with pytest.raises(ValueError, match='levels must be different whole'):
        ManifoldMix(levels=levels)


def rows_of(model, stage):
    """Numbers of rows that the stem and a stage of the online backbone get,
    in training, over one step; and a function to read them."""
    rows = Counter()
    backbone = model.backbone
    stem = next(module for module in backbone.modules()
                if isinstance(module, torch.nn.Conv2d))
    after = next(
        module for name, module in reversed(list(backbone.named_children()))
        if name.startswith(('layer', 'stages')))

    def count(name):

        def hook(module, args):
            rows[name] += len(args[0])

        return hook

    stem.register_forward_pre_hook(count('stem'))
    after.register_forward_pre_hook(count('last'))
    return rows


@pytest.mark.parametrize('level', [1, 2, 3])
def test_a_supervised_step_costs_what_vanilla_training_costs(level):
    model = build(
        type='MixClassifier', mixing=method_of([level]))
    rows = rows_of(model, level)
    inputs, _, samples = batch(6)
    losses = model.loss(inputs, samples)
    losses['loss_mix'].backward()
    assert rows == dict(stem=6, last=6)
    assert model.momentum_net is None
    assert all(param.grad is not None and param.grad.isfinite().all()
               for param in model.parameters())


@pytest.mark.parametrize('level', [1, 2, 4])
@pytest.mark.parametrize('name', ['ResNet', 'VisionTransformer', 'Swin',
                                  'ConvNeXt'])
def test_backbones(name, level):
    model = build(name, type='MixClassifier', mixing=method_of([level]))
    inputs, _, samples = batch(5, size=BACKBONES[name][2])
    loss = model.loss(inputs, samples)['loss_mix']
    loss.backward()
    assert loss.isfinite()
    assert all(param.grad is not None for param in model.parameters())


def test_the_loss_is_that_of_the_mixed_maps():
    """Against a step by hand: both halves of the network one after the
    other."""
    model = build(type='MixClassifier', mixing=method_of([2])).eval()
    inputs, labels, samples = batch(5)
    pairing = model.mixing.draw(5, CPU)
    model.mixing.draw = lambda *args: pairing
    found = model.loss(inputs, samples)['loss_mix']
    backbone = model.backbone
    maps = backbone.relu(backbone.norm1(backbone.conv1(inputs)))
    maps = backbone.layer2(backbone.layer1(maps))
    maps = pairing.lam * maps + (1 - pairing.lam) * maps[pairing.index]
    pooled = backbone.layer4(backbone.layer3(maps)).mean(dim=(2, 3))
    logits = model.head.fc(pooled)
    cross_entropy = torch.nn.functional.cross_entropy
    expected = (pairing.lam * cross_entropy(logits, labels)
                + (1 - pairing.lam) * cross_entropy(
                    logits, labels[pairing.index]))
    torch.testing.assert_close(found, expected)


def test_where_a_part_of_the_batch_is_mixed():
    model = build(
        type='MixClassifier', mixing=method_of([1]), mix_batch_ratio=0.5)
    rows = rows_of(model, 1)
    inputs, _, samples = batch(8)
    assert model.loss(inputs, samples)['loss_mix'].isfinite()
    assert rows == dict(stem=4, last=4)


@pytest.mark.parametrize('which, stem', [('cross', 8), ('query', 4),
                                         ('same', 4)])
def test_views_run_together_up_to_the_level(which, stem):
    """Partners from the other view double the lower part alone, and M rows
    come out."""
    model = build_moco(
        type='MixMoCo', mixing=method_of([2]), views=which, nce_weight=0.)
    rows = rows_of(model, 2)
    inputs, data_samples = views(4)
    losses = model.loss(inputs, data_samples)
    assert losses['loss_mix'].isfinite()
    assert rows == dict(stem=stem, last=4)
    losses['loss_mix'].backward()
    assert all(param.grad is not None for param in model.neck.parameters())


def test_partners_of_the_other_view_are_those_of_view_k():
    model = build_moco(
        type='MixMoCo', mixing=method_of([2]), nce_weight=0.).eval()
    inputs, data_samples = views(4)
    pairing = model.mixing.draw(4, CPU)._replace(lam=0.)
    model.mixing.draw = lambda *args: pairing
    queries = []
    model.neck.register_forward_hook(
        lambda module, args, output: queries.append(output[0]))
    model.loss(inputs, data_samples)
    expected = model.neck(model.backbone(inputs[1]))[0][pairing.index]
    torch.testing.assert_close(queries[0], expected)
