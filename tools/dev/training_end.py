"""What is left of a training, to be compared with another one."""
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch

from samix_mm.checkpoints.resuming import find_whole_checkpoint

#: Numbers of the log that are of the clock, not of the training.
CLOCK = ('time', 'data_time', 'memory')


def leaves(value: Any, name: str = '') -> Iterator[Tuple[str, Any]]:
    """All values of nested dicts and lists, with their names."""
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, f'{name}.{key}' if name else str(key))
    else:
        yield name, value


def end_of(work_dir: Path) -> Dict[str, Any]:
    """What the last checkpoint of a training says of it."""
    checkpoint = torch.load(
        find_whole_checkpoint(str(work_dir)), weights_only=True)
    log = checkpoint['message_hub']['log_scalars']
    parts = {
        name: checkpoint.get(name)
        for name in ('state_dict', 'optimizer', 'param_schedulers',
                     'place_in_epoch')
    }
    parts['log'] = {
        name: history
        for name, history in log.items()
        if name.startswith('train/') and name[6:] not in CLOCK
    }
    parts['meta'] = {
        key: checkpoint['meta'][key]
        for key in ('epoch', 'iter', 'seed')
    }
    return dict(leaves(parts))


def iterations_in(end: Dict[str, Any]) -> Optional[int]:
    """How many iterations have left a loss in the log."""
    return next((len(value) for name, value in end.items()
                 if name == 'log.train/loss.__history_buffer__'), None)


def differences(end: Dict[str, Any], other: Dict[str, Any]) -> List[str]:
    """The names of values that are not the same, bit for bit."""
    return [
        name for name in sorted({*end, *other})
        if name not in end or name not in other
        or type(end[name]) is not type(other[name]) or not (
            torch.equal(end[name], other[name]) if torch.is_tensor(
                end[name]) else end[name] == other[name])
    ]
