"""Other packages register the names that this one has, before or after it.

MMEngine refuses a name that is taken. ``samix_mm.registry`` leaves names to
whoever came first; here ours make place for whoever comes later.
"""
import logging
from typing import Any, Callable, List, Sequence, Union

from .workaround import Workaround, is_ours, replacement


def names_of(module: Any, names: Union[str, Sequence[str], None]) -> List[str]:
    """The names under which MMEngine registers a class or function."""
    if names is None:
        names = module.__name__
    return [names] if isinstance(names, str) else list(names)


def report(name: str, theirs: Any) -> None:
    """Log whose class a bare name means."""
    from mmengine.logging import print_log
    print_log(
        f'{name!r} in a config means the one of '
        f"{getattr(theirs, '__module__', theirs)}; that of samix_mm is "
        f"'samix_mm.{name}'",
        logger='current',
        level=logging.WARNING)


def giving_way(original: Callable) -> Callable:
    """``Registry._register_module`` for which no name of ours is taken."""

    @replacement(original)
    def _register_module(self,
                         module: Any,
                         module_name: Union[str, Sequence[str], None] = None,
                         force: bool = False) -> None:
        if self.scope != 'samix_mm' and callable(module) and not is_ours(
                module):
            for name in names_of(module, module_name):
                if is_ours(self.module_dict.get(name)):
                    del self.module_dict[name]
                    report(name, module)
        original(self, module, module_name, force)

    return _register_module


def _applied() -> bool:
    from mmengine.registry import Registry
    return is_ours(Registry._register_module)


def _apply() -> None:
    from mmengine.registry import Registry
    Registry._register_module = giving_way(Registry._register_module)


WORKAROUND = Workaround(
    name='shared_names',
    replaces='mmengine.registry.Registry._register_module',
    why='A package that registers a name which this one has registered before '
    'it, such as Mixer, cannot be imported.',
    versions='all of MMEngine',
    needed=lambda: True,
    applied=_applied,
    apply=_apply)
