"""A module that MMSelfSup names but does not ship."""
import os.path as osp
import sys
from importlib.util import find_spec
from types import ModuleType

from .workaround import Workaround

NAME = 'mmselfsup.engine.runner'


def _needed() -> bool:
    try:
        spec = find_spec('mmselfsup')
    except ValueError:  # a module that was made by hand
        return False
    if spec is None or spec.origin is None or NAME in sys.modules:
        return False
    # Looking for the submodule itself would import the package.
    engine = osp.join(osp.dirname(spec.origin), 'engine')
    return not any(
        osp.exists(osp.join(engine, name)) for name in ('runner', 'runner.py'))


def _applied() -> bool:
    module = sys.modules.get(NAME)
    return module is not None and module.__spec__ is None


def _apply() -> None:
    sys.modules[NAME] = ModuleType(NAME)


WORKAROUND = Workaround(
    name='mmselfsup_module',
    replaces=f"sys.modules['{NAME}']",
    why='The registries of MMSelfSup name a module that the package does not '
    'have; MMEngine 0.10 fails at the first look-up.',
    versions='MMSelfSup 1.0.0',
    needed=_needed,
    applied=_applied,
    apply=_apply)
