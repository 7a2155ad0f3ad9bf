"""Other packages have the same names, in MMEngine's root registries."""
import re
import sys
from pathlib import Path

import mmengine.registry
import mmpretrain.registry as mmpretrain_registry
import pytest
from mmengine.registry import (DATASETS, MODEL_WRAPPERS, MODELS, DefaultScope,
                               Registry)

import samix_mm
from samix_mm import registry
from samix_mm.compat.workaround import is_ours
from samix_mm.datasets import STL10
from samix_mm.models import Mixer
from tests.helpers.processes import run

PLUGIN = '''
from mmengine.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS


def register(node, name):
    node.register_module(name, module=type(name, (), dict(
        __init__=lambda self, **kwargs: None)))


NAMES = [(MODELS, name) for name in (
    'Mixer', 'MixMoCo', 'MaskLoss', 'LinearProbe', 'ClusterHead',
    'SAMixClassifier')]
NAMES += [(DATASETS, name) for name in ('STL10', 'TinyImageNet', 'Digits')]
NAMES += [(HOOKS, 'EMAMomentumHook'), (LOOPS, 'AllHeadsValLoop')]
for node, name in NAMES:
    register(node, name)
'''

SCRIPT = '''
from mmengine.registry import MODELS, DATASETS, DefaultScope
import {first}
import {second}
import plugin

for node, name in plugin.NAMES:
    for scope in ('mmengine', 'mmpretrain'):
        with DefaultScope.overwrite_default_scope(scope):
            # whoever came first
            assert node.get(name).__module__ == 'plugin', name
            assert type(node.build(dict(type=name))).__module__ == 'plugin'
            ours = node.get('samix_mm.' + name)
            assert ours.__module__.startswith('samix_mm'), name
            assert ours.__name__ == name

with DefaultScope.overwrite_default_scope('mmpretrain'):
    model = MODELS.build(dict(
        type='samix_mm.SAMixClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=4,
                      stem_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=4, in_channels=32),
        mixing=dict(type='SAMix', mixer=dict(type='Mixer'))))
from samix_mm.models import Mixer
assert any(isinstance(module, Mixer) for module in model.modules())
'''


@pytest.mark.parametrize('first, second', [('plugin', 'samix_mm'),
                                           ('samix_mm', 'plugin')])
def test_another_package_with_the_same_names(tmp_path, first, second):
    (tmp_path / 'plugin.py').write_text(PLUGIN)
    printed = run(
        sys.executable, '-c', SCRIPT.format(first=first, second=second),
        cwd=tmp_path)
    said = [line for line in printed.splitlines() if "'Mixer'" in line]
    assert len(said) == 1
    assert 'plugin' in said[0] and "'samix_mm.Mixer'" in said[0]


@pytest.fixture
def other_scope():
    node = Registry('model', parent=MODELS, scope='other')
    yield node
    del MODELS.children['other']


def test_names_are_found_from_each_scope(other_scope):
    mixer = dict(in_channels=4)
    for scope in (None, 'mmengine', 'mmpretrain', 'samix_mm', 'other'):
        with DefaultScope.overwrite_default_scope(scope):
            for name in ('Mixer', 'samix_mm.Mixer'):
                assert isinstance(
                    MODELS.build(dict(mixer, type=name)), Mixer)
            assert DATASETS.get('samix_mm.STL10') is STL10


def test_our_registry_prefers_our_module(monkeypatch, other_scope):
    theirs = type('Mixer', (), {})
    other_scope.register_module('Mixer', module=theirs)
    monkeypatch.setitem(MODELS.module_dict, 'Mixer', theirs)
    with DefaultScope.overwrite_default_scope('other'):
        assert isinstance(MODELS.build(dict(type='Mixer')), theirs)
        built = registry.MODELS.build(dict(type='Mixer', in_channels=4))
        assert isinstance(built, Mixer)


def test_nothing_is_at_the_root_alone():
    """As it would be with ``from mmengine.registry import MODELS``."""
    for node in vars(mmengine.registry).values():
        if isinstance(node, Registry):
            for name, module in node.module_dict.items():
                if is_ours(module) and node.scope != 'samix_mm':
                    ours = node.children['samix_mm'].module_dict
                    assert name in ours or node is MODEL_WRAPPERS, name


def test_our_configs_ask_for_our_data_sets():
    """By their scope, since other packages have data sets of these names."""
    ours = set(registry.DATASETS.module_dict) | {'LinearProbe'}
    configs = Path(__file__).parents[1] / 'configs'
    for path in configs.rglob('*.py'):
        bare = re.findall(r"type='(\w+)'", path.read_text())
        assert not ours & set(bare), path


def test_what_we_do_not_have_is_of_the_default_scope(other_scope):
    theirs = type('Theirs', (), {})
    other_scope.register_module(module=theirs)
    with DefaultScope.overwrite_default_scope('other'):
        assert isinstance(
            registry.MODELS.build(dict(type='Theirs')), theirs)


def test_two_modules_of_ours_with_one_name():
    node = registry.MODELS
    with pytest.raises(KeyError, match='already registered'):
        node.register_module('Mixer', module=type('Other', (), {}))
    assert node.get('Mixer') is Mixer and MODELS.get('Mixer') is Mixer


def test_two_modules_of_others_with_one_name():
    first, second = type('A', (), {}), type('B', (), {})
    node = Registry('some', scope='some')
    node.register_module('X', module=first)
    with pytest.raises(KeyError, match='already registered'):
        node.register_module('X', module=second)
    node.register_module('X', module=second, force=True)
    assert node.get('X') is second


AGAIN = '''
import sys
import samix_mm
for name in [name for name in sys.modules if name.startswith('samix_mm')]:
    del sys.modules[name]
import samix_mm
from mmengine.registry import MODELS
from samix_mm.models import Mixer
assert MODELS.get('Mixer') is Mixer
assert MODELS.get('samix_mm.Mixer') is Mixer
'''


def test_a_second_import_after_the_first_was_forgotten(tmp_path):
    assert 'Mixer' not in run(sys.executable, '-c', AGAIN, cwd=tmp_path)


def test_batch_augments_of_mmpretrain_are_its_own():
    for name in ('Mixup', 'CutMix', 'ResizeMix'):
        found = mmpretrain_registry.BATCH_AUGMENTS.get(name)
        assert found.__module__.startswith('mmpretrain')


def test_each_registry_of_mmpretrain_has_a_child_of_our_scope():
    assert {'MODELS', 'DATASETS', 'HOOKS', 'LOOPS',
            'TRANSFORMS'} <= set(registry.__all__)
    for name in set(registry.__all__) - {'MIXING_METHODS'}:
        child = getattr(registry, name)
        assert child.scope == samix_mm.registry.SCOPE == 'samix_mm'
        assert child.parent is getattr(mmpretrain_registry, name)
