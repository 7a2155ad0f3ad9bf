"""Which checkpoints are let in, and what they hold."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint as mmengine_load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain import ImageClassificationInferencer, get_model

from samix_mm.checkpoints.loading import UnsafeCheckpointError, load_checkpoint
from samix_mm.checkpoints.publishing import publish_checkpoint

MODEL = dict(
    type='SAMixClassifier',
    backbone=dict(
        type='mmpretrain.ResNet_CIFAR',
        depth=18,
        base_channels=4,
        stem_channels=4),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(type='mmpretrain.LinearClsHead', num_classes=3, in_channels=32))


class CreatesFile:
    """Unpickling it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.fixture
def hostile(tmp_path):
    """A checkpoint whose loading would create ``victim``."""
    path, victim = tmp_path / 'hostile.pth', tmp_path / 'victim'
    model = MODELS.build(MODEL)
    torch.save(
        dict(
            meta=dict(),
            state_dict=model.state_dict(),
            extra=CreatesFile(victim)), path)
    return path, victim


def test_the_hostile_file_would_run_code(hostile):
    path, victim = hostile
    torch.load(path, weights_only=False)
    assert victim.exists()


def test_code_is_refused(hostile):
    path, victim = hostile
    with pytest.raises(UnsafeCheckpointError, match='could run code') as info:
        load_checkpoint(str(path))
    assert not victim.exists()
    assert str(path) in str(info.value)
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1' in str(info.value)


@pytest.mark.parametrize('variable', [None, '0'])
def test_code_is_refused_wherever_mm_loads(hostile, variable, monkeypatch):
    path, victim = hostile
    if variable is not None:
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', variable)
    model = MODELS.build(MODEL)
    pretrained = dict(MODEL, init_cfg=dict(
        type='Pretrained', checkpoint=str(path)))
    for load in (lambda: mmengine_load_checkpoint(model, str(path)),
                 lambda: CheckpointLoader.load_checkpoint(str(path)),
                 lambda: MODELS.build(pretrained).init_weights(),
                 lambda: publish_checkpoint(str(path), str(path) + '.out')):
        with pytest.raises(UnsafeCheckpointError):
            load()
    assert not victim.exists()


def test_a_user_can_vouch_for_a_file(hostile, monkeypatch):
    path, victim = hostile
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    assert 'state_dict' in load_checkpoint(str(path))
    assert victim.exists()


def test_an_old_pickle_is_refused_as_well(tmp_path):
    path, victim = tmp_path / 'old.pth', tmp_path / 'victim'
    path.write_bytes(pickle.dumps(CreatesFile(victim), protocol=2))
    with pytest.raises(UnsafeCheckpointError):
        load_checkpoint(str(path))
    assert not victim.exists()


def test_an_absent_file_is_named():
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        load_checkpoint('nowhere.pth')


class TestPublishedCheckpoint:

    @pytest.fixture
    def trained(self, tmp_path):
        torch.manual_seed(0)
        model = MODELS.build(MODEL)
        model.init_weights()
        path = tmp_path / 'epoch_1.pth'
        torch.save(
            dict(
                meta=dict(epoch=1, dataset_meta=dict(classes=('a', 'b', 'c'))),
                state_dict=model.state_dict(),
                optimizer=dict(state={}),
                message_hub=dict()), path)
        return model.eval(), path

    def test_name_has_the_hash_of_the_file(self, trained, tmp_path):
        import hashlib
        path = publish_checkpoint(
            str(trained[1]), str(tmp_path / 'samix.pth'))
        with open(path, 'rb') as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        assert os.path.basename(path) == f'samix-{digest[:8]}.pth'
        assert sorted(os.listdir(tmp_path)) == sorted(
            ['epoch_1.pth', os.path.basename(path)])

    def test_stock_classifier_loads_it_exactly(self, trained, tmp_path):
        model, path = trained
        path = publish_checkpoint(str(path), str(tmp_path / 'samix.pth'))
        stock = MODELS.build(dict(MODEL, type='mmpretrain.ImageClassifier'))
        checkpoint = torch.load(path, weights_only=True)
        assert set(checkpoint) == {'meta', 'state_dict'}
        result = stock.load_state_dict(checkpoint['state_dict'], strict=True)
        assert not result.missing_keys
        assert not result.unexpected_keys
        images = torch.randn(4, 3, 32, 32)
        torch.testing.assert_close(
            stock.eval()(images), model(images), rtol=0, atol=1e-6)

    def test_samix_starts_its_momentum_network_from_it(self, trained,
                                                       tmp_path):
        model, path = trained
        path = publish_checkpoint(str(path), str(tmp_path / 'samix.pth'))
        torch.manual_seed(1)
        fresh = MODELS.build(MODEL)
        mmengine_load_checkpoint(fresh, path)
        for name, weight in model.backbone.state_dict().items():
            torch.testing.assert_close(
                fresh.momentum_net.backbone.state_dict()[name], weight)

    def test_a_checkpoint_without_backbone_is_refused(self, tmp_path):
        path = tmp_path / 'other.pth'
        torch.save(dict(meta={}, state_dict={'fc.weight': torch.ones(1)}),
                   path)
        with pytest.raises(ValueError, match='no weights of a backbone'):
            publish_checkpoint(str(path), str(tmp_path / 'out.pth'))


def test_get_model_loads_a_training_checkpoint(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text('custom_imports = dict(imports=["samix_mm"])\n'
                      f'model = {MODEL!r}\n')
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(meta={}, state_dict=model.state_dict()), path)
    loaded = get_model(str(config), pretrained=str(path))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight)


def test_the_inferencer_loads_a_training_checkpoint(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        'custom_imports = dict(imports=["samix_mm"])\n'
        'default_scope = "mmpretrain"\n'
        'pipeline = [dict(type="LoadImageFromFile"), '
        'dict(type="PackInputs")]\n'
        'test_dataloader = dict(dataset=dict(pipeline=pipeline))\n'
        f'model = {MODEL!r}\n')
    torch.manual_seed(0)
    model = MODELS.build(MODEL).eval()
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        dict(
            meta=dict(dataset_meta=dict(classes=['a', 'b', 'c'])),
            state_dict=model.state_dict()), path)
    image = np.random.default_rng(0).integers(
        0, 256, (32, 32, 3), dtype=np.uint8)
    inferencer = ImageClassificationInferencer(
        str(config), pretrained=str(path))
    result = inferencer(image)[0]
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = model(pixels).softmax(dim=1)[0]
    np.testing.assert_allclose(
        result['pred_scores'], expected.detach().numpy(), atol=1e-6)
    assert result['pred_class'] == 'abc'[expected.argmax()]
