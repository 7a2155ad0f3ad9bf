"""The environment variable that switches work-arounds off."""
import os
from typing import FrozenSet, Iterable, Tuple

from .workaround import Workaround

#: Names with commas between them, or ``all``.
VARIABLE = 'SAMIX_MM_DISABLE'
ALL = 'all'


def read_switch(
    workarounds: Iterable[Workaround]
) -> Tuple[FrozenSet[str], FrozenSet[str]]:
    """Read the names that are switched off.

    Returns:
        Tuple[FrozenSet[str], FrozenSet[str]]: Those in the table, and those
        that nothing is called.
    """
    words = os.environ.get(VARIABLE, '').replace(',', ' ').split()
    written = {word.lower() for word in words}
    names = {row.name for row in workarounds}
    off = written & names
    if ALL in written:
        off |= {row.name for row in workarounds if row.in_all}
    return frozenset(off), frozenset(written - names - {ALL})
