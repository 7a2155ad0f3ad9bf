import importlib
from types import ModuleType

import pytest

from samix_mm.compat import requirements


def test_a_missing_package_is_one_sentence_with_a_command(monkeypatch):

    def import_module(name):
        raise ModuleNotFoundError(f'No module named {name!r}', name=name)

    monkeypatch.setattr(requirements, 'import_module', import_module)
    with pytest.raises(ImportError) as info:
        requirements.require_mm_packages()
    message = str(info.value)
    assert '\n' not in message
    assert 'samix_mm needs mmengine' in message
    assert 'pip install' in message


def test_a_broken_package_keeps_its_own_error(monkeypatch):

    def import_module(name):
        raise ModuleNotFoundError("No module named 'cv2'", name='cv2')

    monkeypatch.setattr(requirements, 'import_module', import_module)
    with pytest.raises(ModuleNotFoundError, match='cv2'):
        requirements.require_mm_packages()


def test_an_old_package_is_one_sentence_with_a_command(monkeypatch):
    old = ModuleType('mmpretrain')
    old.__version__ = '0.25.0'
    real_import = importlib.import_module
    monkeypatch.setattr(
        requirements, 'import_module', lambda name: old
        if name == 'mmpretrain' else real_import(name))
    with pytest.raises(
            ImportError,
            match=r'needs mmpretrain>=1\.0\.0, but 0\.25\.0 is installed; run '
            r'`pip install'):
        requirements.require_mm_packages()
