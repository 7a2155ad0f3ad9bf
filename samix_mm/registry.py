"""Registries of this package, one for each of MMPretrain's.

A component is registered in the scope ``samix_mm``, where
``type='samix_mm.Mixer'`` finds it from every scope, and also in MMEngine's
*root* registry, where its bare name is found under
``default_scope='mmpretrain'`` and ``default_scope='mmselfsup'`` alike. A bare
name that another package registers, before or after, is that package's.
"""
from difflib import get_close_matches
from functools import partial
from typing import (TYPE_CHECKING, Any, Callable, List, Optional, Sequence,
                    Union)

import mmpretrain.registry as mmpretrain_registry
from mmengine.registry import Registry

from .compat.shared_names import names_of, report
from .compat.workaround import is_ours

SCOPE = 'samix_mm'


class SharedRegistry(Registry):
    """A registry whose modules are found by their bare names as well.

    Whatever a bare name means elsewhere, :meth:`build` of this registry
    prefers the module of this package.
    """

    def _register_module(self,
                         module: Any,
                         module_name: Union[str, Sequence[str], None] = None,
                         force: bool = False) -> None:
        shared = self.root.module_dict
        for name in names_of(module, module_name):
            again = _same_place(self.module_dict.get(name), module)
            super()._register_module(module, name, force or again)
            if name not in shared or is_ours(shared[name]):
                shared[name] = module
            else:
                report(name, shared[name])

    def build(self, cfg: dict, *args: Any, **kwargs: Any) -> Any:
        """Build an instance.

        Args:
            cfg (dict): A bare ``type`` means the module of this package, if
                it has one, and else that of the default scope.

        Returns:
            Any: The instance.
        """
        if isinstance(cfg, dict) and cfg.get('type') in self.module_dict:
            cfg = dict(cfg, type=self.module_dict[cfg['type']])
        return super().build(cfg, *args, **kwargs)


def _same_place(old: Optional[Any], new: Any) -> bool:
    """Whether a class was made again from the same source."""
    return old is not None and (old.__module__, old.__qualname__) == (
        new.__module__, new.__qualname__)


def _child_of(parent: Registry) -> SharedRegistry:
    # Of an import before this one, as an interrupted one leaves behind.
    parent.children.pop(SCOPE, None)
    child = SharedRegistry(
        parent.name, parent=parent, scope=SCOPE, locations=[SCOPE])
    # From scopes beside MMPretrain's it is searched for at the root.
    child.root.children[SCOPE] = child
    return child


__all__ = sorted(
    name for name, node in vars(mmpretrain_registry).items()
    if isinstance(node, Registry) and node.scope == 'mmpretrain')

if TYPE_CHECKING:  # made below, one for each of MMPretrain's
    MODELS: SharedRegistry

for _name in __all__:
    globals()[_name] = _child_of(getattr(mmpretrain_registry, _name))


def build_mixing_method(cfg: dict, registry: Registry) -> Any:
    """Build a mixing method from its config.

    Args:
        cfg (dict): With ``type``, a name or a class; the rest are arguments.
        registry (Registry): Where the name is looked up.

    Returns:
        MixingMethod: The method.

    Raises:
        TypeError: If ``cfg`` is no dict with a ``type``.
        KeyError: If there is no method of that name.
    """
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise TypeError("a mixing method is written as dict(type='SAMix', "
                        f'...), got {cfg!r}')
    args = {key: value for key, value in cfg.items() if key != '_scope_'}
    kind = args.pop('type')
    if isinstance(kind, str):
        method = registry.get(kind)
        if method is None:
            names = sorted(registry.module_dict)
            near = get_close_matches(kind.lower(), map(str.lower, names), n=1)
            hint = [name for name in names if name.lower() in near]
            raise KeyError(
                f'there is no mixing method {kind!r}'
                + (f', did you mean {hint[0]!r}?' if hint else ';')
                + f' There are {", ".join(names)}')
        kind = method
    return kind(**args)


class MixingMethodRegistry(Registry):
    """A registry that tells of each name in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._listeners: List[Callable[[str], None]] = []

    def for_each_name(self, listener: Callable[[str], None]) -> None:
        """Call a function with each name, now and whenever one is added.

        Args:
            listener (Callable): It may be told of a name more than once.
        """
        self._listeners.append(listener)
        for name in self.module_dict:
            listener(name)

    def register_module(self,
                        name: Optional[Union[str, Sequence[str]]] = None,
                        force: bool = False,
                        module: Optional[type] = None) -> Any:
        """As in ``Registry``."""
        if module is None:  # a decorator
            return partial(self.register_module, name, force)
        super().register_module(name=name, force=force, module=module)
        for listener in self._listeners:
            for each in self.module_dict:
                listener(each)
        return module


#: How images become one: ``mixing=dict(type='SAMix')`` in an algorithm.
MIXING_METHODS = MixingMethodRegistry(
    'mixing method',
    build_func=build_mixing_method,
    scope=SCOPE,
    locations=['samix_mm'])
__all__ += ['MIXING_METHODS']
