from numbers import Integral, Real
from typing import Any, Optional, Sequence

from torch import nn


def is_number(value: Any) -> bool:
    """Whether ``value`` is a number; to Python a bool is one as well."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_unit_interval(name: str, value: float) -> float:
    """Return ``value`` if it is in [0, 1].

    Args:
        name (str): What the value is called in the config.
        value (float): The value.

    Returns:
        float: The value.

    Raises:
        ValueError: If it is not a number in [0, 1].
    """
    if not (is_number(value) and 0 <= value <= 1):
        raise ValueError(f'{name} must be in [0, 1], got {value!r}')
    return value


def check_share(name: str, value: float) -> float:
    """Return ``value`` if it is above 0 and at most 1.

    Args:
        name (str): What the value is called in the config.
        value (float): The value.

    Returns:
        float: The value.

    Raises:
        ValueError: If it is not a number in (0, 1].
    """
    if not (is_number(value) and 0 < value <= 1):
        raise ValueError(f'{name} must be in (0, 1], got {value!r}')
    return value


def check_weight(name: str, value: float) -> float:
    """Return ``value`` if it is a finite number, 0 or more.

    Args:
        name (str): What the weight is called in the config.
        value (float): The weight.

    Returns:
        float: The weight.

    Raises:
        ValueError: If it is not.
    """
    if not (is_number(value) and 0 <= value < float('inf')):
        raise ValueError(f'{name} must be a number of 0 or more, got '
                         f'{value!r}')
    return value


def check_some_weight(**weights: float) -> None:
    """Refuse losses of which each has the weight 0.

    Args:
        **weights (float): The weights by their names in the config.

    Raises:
        ValueError: If all of them are 0.
    """
    if not any(weights.values()):
        names = ', '.join(weights)
        raise ValueError(
            f'there is nothing to learn: all of {names} are 0; leave one of '
            'them out, which sets it to its default, or write a number above '
            '0')


def check_positive(name: str, value: float) -> float:
    """Return ``value`` if it is a finite number above 0.

    Args:
        name (str): What the value is called in the config.
        value (float): The value.

    Returns:
        float: The value.

    Raises:
        ValueError: If it is not.
    """
    if not is_number(value) or value == float('inf'):
        raise ValueError(f'{name} must be a finite number above 0, got '
                         f'{value!r}')
    if not value > 0:
        raise ValueError(f'{name} must be above 0, got {value!r}')
    return value


def check_count(name: str, value: int, least: int = 1, note: str = '') -> int:
    """Return ``value`` if it is a whole number, ``least`` or more.

    Args:
        name (str): What the value is called in the config.
        value (int): The value.
        least (int): The lowest one allowed. Defaults to 1.
        note (str): What else the message says of it. Defaults to ''.

    Returns:
        int: The value.

    Raises:
        ValueError: If it is not.
    """
    whole = is_number(value) and isinstance(value, Integral)
    if not whole or value < least:
        kind = '' if whole else 'a whole number, '
        raise ValueError(
            f'{name} must be {kind}{least} or more{note}, got {value!r}')
    return value


def check_flag(name: str, value: bool) -> bool:
    """Return ``value`` if it is True or False: the string 'False' would count
    as True.

    Args:
        name (str): What the value is called in the config.
        value (bool): The value.

    Returns:
        bool: The value.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, bool):
        raise ValueError(f'{name} must be True or False, got {value!r}')
    return value


def check_part(name: str, value: Any, example: str) -> Any:
    """Return ``value`` if a module can be built of it, or it is one.

    Args:
        name (str): What the part is called in the config.
        value (dict | nn.Module): The part.
        example (str): What to write.

    Returns:
        dict | nn.Module: The part.

    Raises:
        TypeError: If it is neither.
    """
    if not isinstance(value, (dict, nn.Module)):
        raise TypeError(f'{name} must be a config such as {example}, got '
                        f'{value!r}')
    return value


def check_backbone(value: Any) -> Any:
    """:func:`check_part` of an algorithm's backbone."""
    return check_part('backbone', value, "dict(type='ResNet', depth=18)")


def check_choice(name: str, choices: Sequence[str],
                 value: Optional[str]) -> str:
    """Return ``value`` if it is one of ``choices``, the first if it is None.

    Args:
        name (str): What the value is called in the config.
        choices (Sequence[str]): What is allowed.
        value (str, optional): The value.

    Returns:
        str: The value.

    Raises:
        ValueError: If it is not one of them.
    """
    if value is None:
        return choices[0]
    if value not in choices:
        raise ValueError(f'{name} must be one of {tuple(choices)}, got '
                         f'{value!r}')
    return value
