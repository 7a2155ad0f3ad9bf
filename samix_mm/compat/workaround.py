"""What a row of the table says, and how a replaced function is known."""
from functools import wraps
from typing import Any, Callable, NamedTuple

_MARK = '__samix_mm__'


class Workaround(NamedTuple):
    """One change that importing the package makes to another package.

    Attributes:
        name (str): What switches it off.
        replaces (str): What it changes, as ``module.attribute``.
        why (str): What goes wrong without it.
        versions (str): Where that is so.
        needed (Callable): Whether it is so on this machine, and nobody else
            has changed the same place.
        applied (Callable): Whether the change is in place.
        apply (Callable): Makes the change.
        in_all (bool): Whether ``all`` switches it off too. Defaults to True.
    """
    name: str
    replaces: str
    why: str
    versions: str
    needed: Callable[[], bool]
    applied: Callable[[], bool]
    apply: Callable[[], None]
    in_all: bool = True


def replacement(original: Callable) -> Callable[[Callable], Callable]:
    """Decorate what takes the place of ``original``.

    It keeps the name of the original, under which it is pickled.
    """

    def decorate(function: Callable) -> Callable:
        function = wraps(original)(function)
        setattr(function, _MARK, True)
        return function

    return decorate


def is_ours(value: Any) -> bool:
    """Whether a function or class comes from this package."""
    package = (getattr(value, '__module__', None) or '').split('.')[0]
    return package == 'samix_mm' or getattr(value, _MARK, False)


def is_of(value: Any, package: str) -> bool:
    """Whether a function or class is the one that a package came with."""
    module = getattr(value, '__module__', None) or ''
    return module.split('.')[0] == package and not is_ours(value)
