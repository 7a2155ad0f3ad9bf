"""Mixing methods among MMPretrain's batch augmentations."""
import copy
import random

import numpy as np
import pytest
import torch
from mmpretrain.models import RandomBatchAugment
from mmpretrain.registry import BATCH_AUGMENTS

from samix_mm.models.mixing import (FMix, ManifoldMix, MixingAugment,
                                    MixingMethod, MixUp, SAMix)
from samix_mm.registry import MIXING_METHODS
from tests.helpers.methods import (METHODS, build_method, method_cfg,
                                   noise_images)
from tests.helpers.tiny import NUM_CLASSES, make_runner, stock_cfg

#: MMPretrain's own, which keep their names.
THEIRS = {'CutMix', 'Mixup', 'ResizeMix'}


def works_on_pixels(name):
    method = MIXING_METHODS.build(method_cfg(name))
    return not (method.needs or method.learns or method.levels != {0})


PIXELS = [name for name in METHODS if works_on_pixels(name)]
OURS = [name for name in PIXELS if name not in THEIRS]


def augment_of(name):
    (augment, ) = RandomBatchAugment(method_cfg(name)).augments
    return augment


def scores_of(num):
    return torch.eye(NUM_CLASSES)[torch.arange(num) % NUM_CLASSES]


def test_free_names_are_taken_and_others_left():
    assert {'FMix', 'MixUp', 'RandomChoice', 'Vanilla'} <= set(OURS)
    for name in THEIRS:
        assert BATCH_AUGMENTS.get(name).__module__.startswith('mmpretrain.')
    for name in OURS:
        assert isinstance(augment_of(name), MixingAugment)


@pytest.mark.parametrize('name', PIXELS)
def test_labels_are_those_of_the_pixels(name):
    """Images that show their labels: each channel is the score of a class."""
    scores = torch.eye(3)[torch.tensor([0, 1, 2, 1, 0])]
    images = scores.view(5, 3, 1, 1).expand(5, 3, 12, 10).clone()
    augment = MixingAugment(build_method(name))
    for _ in range(6):
        before = images.clone(), scores.clone()
        mixed, labels = augment(images, scores)
        assert mixed.shape == images.shape and labels.dtype == torch.float32
        torch.testing.assert_close(mixed.mean(dim=(2, 3)), labels)
        assert torch.equal(images, before[0])
        assert torch.equal(scores, before[1])


@pytest.mark.parametrize('name', PIXELS)
def test_integer_scores_and_a_single_image(name):
    augment = MixingAugment(build_method(name))
    images, labels = augment(noise_images(3), scores_of(3).long())
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(3))
    alone = noise_images(1)
    mixed, labels = augment(alone, scores_of(1).long())
    assert torch.equal(mixed, alone) and labels.dtype == torch.float32


@pytest.mark.parametrize('name', sorted({*PIXELS} - {'Vanilla'}))
def test_random_numbers_are_those_of_torch(name):
    """So that whatever seeds an iteration, such as ExactResumeHook, seeds
    them."""
    images, scores = noise_images(6, (16, 16)), scores_of(6)
    first, second = (MixingAugment(build_method(name)) for _ in range(2))
    for _ in range(3):  # not where the second one is
        second(images, scores)
    others = random.getstate(), np.random.get_state()[1].copy()
    found = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        left, right = first(images, scores), second(images, scores)
        found.append(left)
        # Its next batch is another one.
        assert not torch.equal(left[0], right[0])
        torch.manual_seed(seed)
        assert torch.equal(second(images, scores)[0], left[0])
    assert torch.equal(found[0][0], found[2][0])
    assert torch.equal(found[0][1], found[2][1])
    assert not torch.equal(found[0][0], found[1][0])
    assert random.getstate() == others[0]
    assert (np.random.get_state()[1] == others[1]).all()


def test_streams_of_a_method_are_independent():
    """A seed for each: ratios do not tell the masks."""
    augment = MixingAugment(FMix())
    augment(noise_images(2), scores_of(2))
    assert augment.method.pairings.seed != augment.method.noise.seed


@pytest.mark.parametrize('method', [ManifoldMix(), SAMix()])
def test_methods_of_more_than_pixels_are_refused(method):
    name = type(method).__name__
    with pytest.raises(ValueError, match=f"{name} asks for more.*MixClassif"):
        MixingAugment(method)
    with pytest.raises(ValueError, match='asks for more than the pixels'):
        RandomBatchAugment(dict(type=name))


def test_at_level_0_it_is_one_of_pixels():
    augment, = RandomBatchAugment(
        dict(type='ManifoldMix', levels=[0])).augments
    assert isinstance(augment.method, MixUp)


def test_arguments_are_those_of_the_method():
    augment, = RandomBatchAugment(dict(type='FMix', decay=2., alpha=0.3)
                                  ).augments
    assert isinstance(augment.method, FMix) and augment.method.decay == 2.
    with pytest.raises(ValueError, match='decay'):
        RandomBatchAugment(dict(type='FMix', decay=-1.))
    with pytest.raises(TypeError, match='decya'):
        RandomBatchAugment(dict(type='FMix', decya=2.))


def test_a_name_that_another_package_has_taken_is_left_to_it():

    class TakenMix(MixingMethod):

        def mix(self, sources, pairing):
            raise NotImplementedError

    class Theirs:
        pass

    BATCH_AUGMENTS.register_module(name='TakenMix', module=Theirs)
    try:
        MIXING_METHODS.register_module(module=TakenMix)
        assert BATCH_AUGMENTS.get('TakenMix') is Theirs
        assert MIXING_METHODS.get('TakenMix') is TakenMix
    finally:
        for registry in (BATCH_AUGMENTS, MIXING_METHODS):
            registry.module_dict.pop('TakenMix', None)


@pytest.mark.parametrize('name, names', [
    (None, ['OneMix']),
    ('TwoMix', ['TwoMix']),
    (['OneMix', 'TwoMix'], ['OneMix', 'TwoMix']),
])
def test_each_way_of_registering(name, names):
    before = set(MIXING_METHODS.module_dict)
    try:

        @MIXING_METHODS.register_module(name=name)
        class OneMix(MixUp):
            pass

        for each in names:
            (augment, ) = RandomBatchAugment(dict(type=each)).augments
            assert type(augment.method) is OneMix
        assert isinstance(OneMix(), MixUp)
    finally:
        for each in set(MIXING_METHODS.module_dict) - before:
            del MIXING_METHODS.module_dict[each]
            del BATCH_AUGMENTS.module_dict[each]


def stock_run(work_dir, train_cfg, max_epochs=2, hooks=(), **kwargs):
    model = stock_cfg()
    model['train_cfg'] = copy.deepcopy(train_cfg)
    model['data_preprocessor'] = dict(
        mean=[127.] * 3, std=[60.] * 3, num_classes=NUM_CLASSES)
    runner = make_runner(
        work_dir, model=model, hooks=hooks, max_epochs=max_epochs,
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', interval=1)), **kwargs)
    seen = []
    augments = runner.model.data_preprocessor.batch_augments
    for augment in augments.augments:
        if isinstance(augment, MixingAugment):
            mix = augment.method.mix

            def watched(*args, mix=mix, augment=augment):
                seen.append((type(augment.method).__name__, mix(*args)))
                return seen[-1][1]

            augment.method.mix = watched
    runner.train()
    return runner, seen


ALONE = dict(augments=dict(type='FMix', alpha=0.2))
LIST = dict(
    augments=[
        dict(type='FMix', alpha=0.2),
        dict(type='Mixup', alpha=0.8),
        dict(type='MixUp', alpha=0.8),
        dict(type='RandomChoice', methods=[
            dict(type='ResizeMix'), dict(type='CutMix')])
    ],
    probs=[0.3, 0.1, 0.2, 0.3])


@pytest.mark.parametrize('train_cfg', [ALONE, LIST], ids=['alone', 'list'])
def test_in_a_stock_classifier(tmp_path, train_cfg):
    runner, seen = stock_run(tmp_path, train_cfg, max_epochs=6)
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 18 and np.isfinite(losses).all()
    assert not any('augment' in key for key in runner.model.state_dict())
    if train_cfg is ALONE:
        assert len(seen) == 18
    else:  # one of ten batches is left alone, another is MMPretrain's
        assert 6 < len(seen) < 18
        assert {name for name, _ in seen} == {'FMix', 'MixUp', 'RandomChoice'}


def test_a_resumed_stock_run_mixes_what_it_would_have_mixed(tmp_path):
    hooks = [dict(type='ExactResumeHook'), dict(type='PlainCheckpointHook')]
    whole, expected = stock_run(tmp_path / 'whole', LIST, 4, hooks)
    resumed, found = stock_run(
        tmp_path / 'resumed', LIST, 4, hooks, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_2.pth'))
    assert 0 < len(found) < len(expected)
    for (mine, mixture), (theirs, other) in zip(found, expected[-len(found):]):
        assert mine == theirs
        assert torch.equal(mixture.inputs, other.inputs)
        assert torch.equal(mixture.shares, other.shares)
    ours, theirs = whole.model.state_dict(), resumed.model.state_dict()
    for key, value in ours.items():
        assert torch.equal(theirs[key], value), key
