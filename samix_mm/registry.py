"""Child registries of MMPretrain's with the scope ``samix_mm``.

Components of this package live in MMEngine's *root* registries. These
children hold nothing: ``_base_ = 'samix_mm::...'`` makes MMEngine write
``_scope_='samix_mm'`` into every typed dict of the inherited config, and a
scope can only be looked up where a registry has it.
"""
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
