"""A user's method, as CONTRIBUTING.md adds one, works like those here."""
import importlib
import sys

import pytest
import torch
from mmpretrain.models import RandomBatchAugment
from mmpretrain.registry import BATCH_AUGMENTS, MODELS

from samix_mm.models import Pairing, Sources
from samix_mm.registry import MIXING_METHODS
from tests.helpers.methods import noise_images
from tests.helpers.tiny import (NUM_CLASSES, batch, make_runner, model_cfg,
                                stock_cfg)
from tests.helpers.tiny_ssl import moco_cfg, views

GRIDMIX = dict(type='GridMix', cells=3, alpha=0.5)


@pytest.fixture(autouse=True)
def gridmix():
    """The module is imported, and forgotten afterwards."""
    name = 'tests.helpers.gridmix'
    yield importlib.import_module(name)
    del sys.modules[name]
    for registry in (MIXING_METHODS, BATCH_AUGMENTS):
        del registry.module_dict['GridMix']


def test_it_mixes():
    method = MIXING_METHODS.build(GRIDMIX)
    images, partners = torch.zeros(4, 3, 12, 9), torch.ones(4, 3, 12, 9)
    index = torch.tensor([1, 2, 3, 0])
    mixture = method.mix(Sources(images, partners), Pairing(0.4, index))
    cells = mixture.inputs.unflatten(2, (3, 4)).unflatten(4, (3, 3))
    assert ((cells == 0) | (cells == 1)).all()
    assert (cells.amax(dim=(3, 5)) == cells.amin(dim=(3, 5))).all()
    torch.testing.assert_close(
        mixture.shares[:, 1], mixture.inputs.mean(dim=(1, 2, 3)))


def test_in_the_classifier():
    model = MODELS.build(model_cfg(type='MixClassifier', mixing=GRIDMIX))
    assert model.momentum_net is None
    inputs, _, samples = batch()
    loss = model.loss(inputs, samples)['loss_mix']
    loss.backward()
    assert loss.isfinite()


def test_in_moco():
    model = MODELS.build(moco_cfg(type='MixMoCo', mixing=GRIDMIX))
    losses = model.loss(*views())
    assert losses['loss_mix'].isfinite()


def test_within_random_choice():
    method = MIXING_METHODS.build(
        dict(type='RandomChoice', methods=[GRIDMIX, dict(type='MixUp')]))
    for _ in range(8):
        pairing = method.draw(3, torch.device('cpu'))
        assert method.mix(Sources(noise_images(3)), pairing).level == 0


def test_as_a_batch_augment(tmp_path):
    model = stock_cfg()
    model['train_cfg'] = dict(augments=GRIDMIX)
    model['data_preprocessor'] = dict(num_classes=NUM_CLASSES)
    runner = make_runner(tmp_path, model=model, hooks=[], max_epochs=1)
    (augment, ) = runner.model.data_preprocessor.batch_augments.augments
    assert type(augment.method).__name__ == 'GridMix'
    runner.train()
    assert runner.message_hub.get_scalar('train/loss').current() > 0


def test_one_that_is_registered_anew_takes_the_place_of_the_first(gridmix):

    class Other(gridmix.GridMix):
        pass

    MIXING_METHODS.register_module(name='GridMix', force=True, module=Other)
    (augment, ) = RandomBatchAugment(dict(type='GridMix')).augments
    assert type(augment.method) is Other
