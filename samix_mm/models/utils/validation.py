from typing import Optional, Sequence


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
    try:
        inside = 0 <= value <= 1
    except TypeError:
        inside = False
    if not inside:
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
    if not (isinstance(value, (int, float)) and 0 < value <= 1):
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
    if not (isinstance(value, (int, float)) and 0 <= value < float('inf')):
        raise ValueError(f'{name} must be a number of 0 or more, got '
                         f'{value!r}')
    return value


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
