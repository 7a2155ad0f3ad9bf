import sys
from types import ModuleType

import pytest

from samix_mm.compat.mmselfsup_module import NAME, WORKAROUND


@pytest.mark.parametrize('complete', [True, False])
def test_the_module_that_mmselfsup_lacks(tmp_path, monkeypatch, complete):
    package = tmp_path / 'mmselfsup'
    (package / 'engine').mkdir(parents=True)
    (package / '__init__.py').write_text('raise RuntimeError("imported")')
    if complete:
        (package / 'engine' / 'runner.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    assert WORKAROUND.needed() == (not complete)
    if not complete:
        WORKAROUND.apply()
        assert WORKAROUND.applied() and not WORKAROUND.needed()
    monkeypatch.delitem(sys.modules, NAME, raising=False)


def test_a_module_of_that_name_without_a_file(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmselfsup', ModuleType('mmselfsup'))
    assert not WORKAROUND.needed()
