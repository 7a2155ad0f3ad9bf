"""What a user sees on ``import samix_mm``."""
import importlib
from types import ModuleType

import mmengine.registry as root
import mmpretrain.registry as mmpretrain_registry
import pytest
from mmengine.registry import DefaultScope
from mmpretrain.models import GlobalAveragePooling

import samix_mm
from samix_mm import registry
from samix_mm.compat import workarounds as compat
from samix_mm.models import Mixer

ROOT_COMPONENTS = {
    'MODELS': [
        'Mixer', 'EtaBalancedCrossEntropy', 'MaskLoss', 'EtaBalancedClsHead',
        'SAMixClassifier'
    ],
    'HOOKS': [
        'EMAMomentumHook', 'MaskLossAnnealHook', 'MixedSampleHook',
        'PlainCheckpointHook'
    ],
    'DATASETS': ['Digits', 'FewShotFolder'],
    'LOOPS': ['AllHeadsValLoop', 'AllHeadsTestLoop'],
}


@pytest.mark.parametrize('registry_name', ROOT_COMPONENTS)
def test_components_are_in_the_root_registries(registry_name):
    node = getattr(root, registry_name)
    for name in ROOT_COMPONENTS[registry_name]:
        assert name in node.module_dict


def test_components_are_found_in_each_scope():
    mixer = dict(type='Mixer', in_channels=4)
    for scope in ('mmengine', 'mmpretrain', 'samix_mm'):
        with DefaultScope.overwrite_default_scope(scope):
            assert isinstance(root.MODELS.build(dict(mixer)), Mixer)
    assert isinstance(
        root.MODELS.build(dict(mixer, _scope_='samix_mm')), Mixer)


def test_our_scope_resolves_mmpretrains_types_as_well():
    neck = dict(type='GlobalAveragePooling', _scope_='samix_mm')
    assert isinstance(root.MODELS.build(neck), GlobalAveragePooling)


def test_each_registry_of_mmpretrain_has_a_child_of_our_scope():
    assert {'MODELS', 'DATASETS', 'HOOKS', 'LOOPS',
            'TRANSFORMS'} <= set(registry.__all__)
    for name in set(registry.__all__) - {'MIXING_METHODS'}:
        child = getattr(registry, name)
        assert child.scope == 'samix_mm'
        assert child.parent is getattr(mmpretrain_registry, name)


def test_a_missing_package_is_one_sentence_with_a_command(monkeypatch):

    def import_module(name):
        raise ModuleNotFoundError(f'No module named {name!r}', name=name)

    monkeypatch.setattr(compat, 'import_module', import_module)
    with pytest.raises(ImportError) as info:
        compat.require_mm_packages()
    message = str(info.value)
    assert '\n' not in message
    assert 'samix_mm needs mmengine' in message
    assert 'pip install' in message


def test_a_broken_package_keeps_its_own_error(monkeypatch):

    def import_module(name):
        raise ModuleNotFoundError("No module named 'cv2'", name='cv2')

    monkeypatch.setattr(compat, 'import_module', import_module)
    with pytest.raises(ModuleNotFoundError, match='cv2'):
        compat.require_mm_packages()


def test_an_old_package_is_one_sentence_with_a_command(monkeypatch):
    old = ModuleType('mmpretrain')
    old.__version__ = '0.25.0'
    real_import = importlib.import_module
    monkeypatch.setattr(
        compat, 'import_module', lambda name: old
        if name == 'mmpretrain' else real_import(name))
    with pytest.raises(
            ImportError,
            match=r'needs mmpretrain>=1\.0\.0, but 0\.25\.0 is installed; run '
            r'`pip install'):
        compat.require_mm_packages()


def test_configs_may_inherit_from_the_package():
    from mmengine.config.utils import MODULE2PACKAGE
    assert MODULE2PACKAGE['samix_mm'] == 'samix_mm'


def test_the_version_is_the_distributions():
    from importlib.metadata import version
    assert samix_mm.__version__ == version('samix_mm')
