"""What holds for all configs: where they lie, and that none repeats itself."""
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.configs import (FOLDER, METHODS, SHARED, header_of, load,
                                   name_of, own_settings)

ALL = sorted(FOLDER.rglob('*.py'))
TRAININGS = [path for path in ALL if path.parent.name in (*METHODS, 'linear')]
#: What our default_runtime.py adds to MMPretrain's.
HOOKS = dict(
    runtime_info='DeferredRuntimeInfoHook',
    checkpoint='SafeCheckpointHook',
    exact_resume='ExactResumeHook',
    plain_checkpoint='PlainCheckpointHook')


def test_base_names_are_unique():
    """mim finds configs by them."""
    names = Counter(path.name for path in ALL)
    assert max(names.values()) == 1, names.most_common(3)


def test_no_folder_is_forgotten():
    folders = {path.parent.name for path in FOLDER.glob('*/*.py')}
    assert folders - {'_base_'} == {*METHODS, 'linear', 'detection'}


@pytest.mark.parametrize('path', TRAININGS, ids=name_of)
def test_a_config_lies_in_the_folder_of_its_method(path):
    method = path.stem.split('_')[0]
    method = re.sub('^samix-[ic]$', 'samix', method)
    assert method.replace('mocov2-', '') == path.parent.name


@pytest.mark.parametrize('path', TRAININGS, ids=name_of)
def test_a_method_inherits_nothing_from_another(path):
    """CutMix would get MixUp's alpha unseen."""
    for base in own_settings(path)[0]:
        assert '::' in base or Path(base).relative_to(FOLDER).parts[0] in (
            *SHARED, path.parent.name)


@pytest.mark.parametrize('path', TRAININGS, ids=name_of)
def test_all_trainings_have_the_same_runtime(path):
    """Checkpoints that are whole, exact and plain, whatever the recipe."""
    hooks = load(path).default_hooks
    assert {name: hooks[name].type for name in HOOKS} == HOOKS


@pytest.mark.parametrize(
    'path', [path for path in ALL if path.parent.name != 'detection'],
    ids=name_of)
def test_nothing_is_said_twice(path):
    """A config differs from what it inherits in all that it says."""
    _, inherited, settings = own_settings(path)
    assert repeated(settings, inherited) == []


def repeated(settings: dict, base: dict, prefix: str = '') -> list:
    found = []
    for name, value in settings.items():
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            if not value.get('_delete_'):
                found += repeated(value, base[name], f'{prefix}{name}.')
        elif name in base and base[name] == value:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize('path', TRAININGS, ids=name_of)
def test_hooks_are_listed_once(path):
    assert 'custom_hooks' not in own_settings(path)[2]


@pytest.mark.parametrize('path', TRAININGS, ids=name_of)
def test_header(path):
    """A reader learns number, command and cost before the first setting."""
    header = header_of(path)
    assert f'mim train samix_mm {path.name}' in header
    assert 'Cost: ' in header
    assert re.match('# (No paper number: |Tables? |Linear evaluation )',
                    header)
