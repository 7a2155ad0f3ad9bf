"""Child registries of MMPretrain's with the scope ``samix_mm``.

Components of this package live in MMEngine's *root* registries. These
children hold nothing: ``_base_ = 'samix_mm::...'`` makes MMEngine write
``_scope_='samix_mm'`` into every typed dict of the inherited config, and a
scope can only be looked up where a registry has it.
"""
from difflib import get_close_matches
from functools import partial
from typing import Any, Callable, List, Optional, Sequence, Union

import mmpretrain.registry as mmpretrain_registry
from mmengine.registry import Registry

SCOPE = 'samix_mm'

__all__ = sorted(
    name for name, node in vars(mmpretrain_registry).items()
    if isinstance(node, Registry) and node.scope == 'mmpretrain')

for _name in __all__:
    _parent = getattr(mmpretrain_registry, _name)
    globals()[_name] = Registry(
        _parent.name, parent=_parent, scope=SCOPE, locations=['samix_mm'])


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
