"""All work-arounds, in the order in which they are applied."""
import logging
from typing import List, NamedTuple

from . import (cpu_processes, judged_fields, mmselfsup_module, model_wrapper,
               negative_hue, package_bases, requirements, safe_loading,
               scoped_collate, shared_names, whole_checkpoints)
from .switch import VARIABLE, read_switch

WORKAROUNDS = tuple(module.WORKAROUND for module in (
    requirements, package_bases, mmselfsup_module, shared_names,
    scoped_collate, negative_hue, cpu_processes, model_wrapper,
    whole_checkpoints, safe_loading, judged_fields))


class WorkaroundState(NamedTuple):
    """A row of the table, and what became of it.

    Attributes:
        name (str): What switches it off.
        state (str): 'applied', 'not needed' or 'switched off'.
        replaces (str): What it changes, as ``module.attribute``.
        why (str): What goes wrong without it.
        versions (str): Where that is so.
    """
    name: str
    state: str
    replaces: str
    why: str
    versions: str


def apply_workarounds() -> None:
    """Change what has to be changed on this machine, and is not yet."""
    off, unknown = read_switch(WORKAROUNDS)
    for row in WORKAROUNDS:
        if row.name not in off and not row.applied() and row.needed():
            row.apply()
    if unknown:
        _warn(f'{VARIABLE} names {", ".join(sorted(unknown))}, which is no '
              'work-around; there are '
              f'{", ".join(row.name for row in WORKAROUNDS)} and all')
    for row in WORKAROUNDS:
        if not row.in_all and row.name in off:
            _warn(f'{VARIABLE} switches {row.name} off. {row.why}')


def list_workarounds() -> List[WorkaroundState]:
    """List what importing this package changes in others.

    Returns:
        List[WorkaroundState]: The rows of the table, and whether they are
        applied on this machine.
    """
    off, _ = read_switch(WORKAROUNDS)
    states = []
    for row in WORKAROUNDS:
        if row.applied():
            state = 'applied'
        else:
            state = 'switched off' if row.name in off else 'not needed'
        states.append(
            WorkaroundState(row.name, state, row.replaces, row.why,
                            row.versions))
    return states


def _warn(message: str) -> None:
    from mmengine.logging import print_log
    print_log(message, logger='current', level=logging.WARNING)
