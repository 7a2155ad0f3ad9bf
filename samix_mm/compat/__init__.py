"""Changes to the MM stack that importing this package makes, in one table.

``python -m samix_mm.compat`` shows it. The modules of this folder import
nothing of the MM stack before they are asked to: the first row says in one
sentence what is missing.
"""
from .switch import VARIABLE
from .table import (WORKAROUNDS, WorkaroundState, apply_workarounds,
                    list_workarounds)
from .workaround import Workaround

__all__ = [
    'VARIABLE', 'WORKAROUNDS', 'Workaround', 'WorkaroundState',
    'apply_workarounds', 'list_workarounds'
]
