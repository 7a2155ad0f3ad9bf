"""What a user sees on ``import samix_mm``."""
import mmengine.registry as root
import pytest
from mmengine.registry import DefaultScope
from mmpretrain.models import GlobalAveragePooling

import samix_mm
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


def test_configs_may_inherit_from_the_package():
    from mmengine.config.utils import MODULE2PACKAGE
    assert MODULE2PACKAGE['samix_mm'] == 'samix_mm'


def test_the_version_is_the_distributions():
    from importlib.metadata import version
    assert samix_mm.__version__ == version('samix_mm')
