"""What a checkpoint of tensors and plain types may still tell MMEngine.

MMEngine runs texts of a checkpoint as configs, removes what it names, goes
through as many batches as it says, and sets attributes by its keys.
:data:`RULES` has each such field with what it may hold; the loader applies
them to every file, for stock runs as well. Paths are judged when the run is
known (:mod:`~samix_mm.checkpoints.run_files`). Weights, moments and learning
rates are taken as they are: whoever resumes from a file wants these.
"""
import logging
import math
from fnmatch import fnmatchcase
from numbers import Integral, Real
from reprlib import repr as short
from typing import Any, Callable, Iterator, NamedTuple, Tuple

import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer, MessageHub, print_log
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import IterBasedTrainLoop

from .plain import HISTORY_KEY
from .run_files import forget_best_of_others

#: More than any training has, and few enough to count to.
MOST_STEPS = 2**31 - 1


class ForgedCheckpointError(ValueError):
    """A checkpoint holds something that no training writes."""


class Rule(NamedTuple):
    """What a field of a checkpoint may hold.

    Attributes:
        field (str): Keys with dots between them; '*' is any text.
        allows (Callable): Whether it is that.
        what (str): What that is, in words.
        refuse (bool): Whether a file with anything else is refused; if not,
            the field is dropped.
        level (int): How loudly it is said that the field is dropped.
    """
    field: str
    allows: Callable[[Any], bool]
    what: str
    refuse: bool = False
    level: int = logging.WARNING


def drop_untrusted_fields(checkpoint: Any, filename: str) -> Any:
    """Take out of a checkpoint what MMEngine would trust too much.

    Args:
        checkpoint: What was loaded; dicts in it are changed.
        filename (str): Where from.

    Returns:
        The checkpoint.

    Raises:
        ForgedCheckpointError: If it cannot be resumed from without such a
            field.
    """
    for rule in RULES:
        for parent, key in list(_places(checkpoint, rule.field)):
            if rule.allows(parent[key]):
                continue
            field = f'{rule.field.rpartition(".")[0]}.{key}'.lstrip('.')
            if rule.refuse:
                raise ForgedCheckpointError(
                    f'{filename} was not loaded: its {field} must be '
                    f'{rule.what}, got {short(parent[key])}; no training '
                    'writes that, so take the file from where it was made, '
                    'or an older one')
            print_log(
                f'{filename}: {field} is left out, which must be {rule.what}',
                logger='current',
                level=rule.level)
            del parent[key]
    return checkpoint


def judge_with_run(hook: CheckpointHook, runner: Any,
                   checkpoint: dict) -> None:
    """Check what only makes sense for a certain run.

    Args:
        hook (CheckpointHook): The hook that will save and remove files.
        runner (Runner): The runner.
        checkpoint (dict): What was loaded; paths in it are replaced.

    Raises:
        ForgedCheckpointError: If the run would have to go through more
            batches than it has, or the file does not say where it was saved.
    """
    if runner._resume:
        _require_place(checkpoint)
    forget_best_of_others(hook, runner, checkpoint)
    loop = getattr(runner, '_train_loop', None)
    iteration = checkpoint.get('meta', {}).get('iter', 0)
    if (runner._resume and isinstance(loop, IterBasedTrainLoop)
            and iteration > loop.max_iters):
        raise ForgedCheckpointError(
            f'the checkpoint was saved at iteration {iteration}, but this '
            f'training ends at {loop.max_iters}: raise train_cfg.max_iters, '
            'or load its weights alone, without --resume')


def _require_place(checkpoint: dict) -> None:
    """Refuse to resume from what no training has saved."""
    meta = checkpoint.get('meta', {})
    missing = [key for key in ('epoch', 'iter') if key not in meta]
    missing += [key for key in ('message_hub', ) if key not in checkpoint]
    if missing:
        raise ForgedCheckpointError(
            f'the checkpoint has no {", ".join(missing)}, so that no training '
            'can be resumed from it; load its weights alone with load_from, '
            'without --resume')


def guard_stock_runs() -> None:
    """Let MMEngine's own ``CheckpointHook`` judge what is loaded.

    The stage that is filled in is empty in MMEngine.
    """
    CheckpointHook.after_load_checkpoint = judge_with_run


def _places(parent: Any, field: str) -> Iterator[Tuple[dict, Any]]:
    """The dicts and keys that a field means."""
    pattern, _, rest = field.partition('.')
    if not isinstance(parent, dict):
        return
    for key in parent:
        if fnmatchcase(key if isinstance(key, str) else '', pattern):
            if rest:
                yield from _places(parent[key], rest)
            else:
                yield parent, key


def _is_count(value: Any) -> bool:
    return (isinstance(value, Integral) and not isinstance(value, bool)
            and 0 <= value <= MOST_STEPS)


def _is_seed(value: Any) -> bool:
    return value is None or isinstance(value, Integral) and 0 <= value < 2**32


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str) for key in value)


def _is_hub(value: Any) -> bool:
    return _is_dict(value) or isinstance(value, MessageHub)


def _is_score(value: Any) -> bool:
    if torch.is_tensor(value) and value.dim() == 0:
        value = value.item()
    return isinstance(value, Real) and not math.isnan(value)


def _is_best_path(value: Any) -> bool:
    return value is None or isinstance(value, str) and 'best_' in value


def _is_list_of_counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _is_history(value: Any) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, HistoryBuffer)
    columns = [value.get(HISTORY_KEY), value.get('count')]
    return _is_count(value.get('max_length')) and all(
        torch.is_tensor(column) and column.dim() == 1 and len(column)
        and column.is_contiguous() for column in columns) and (
            len(columns[0]) == len(columns[1]))


def _are_scheduler_states(value: Any) -> bool:
    groups = value.values() if isinstance(value, dict) else [value]
    return all(
        isinstance(states, list) and all(map(_is_scheduler_state, states))
        for states in groups)


def _is_scheduler_state(state: Any) -> bool:
    """Whether it sets what a scheduler saves, and not its methods."""
    return _is_dict(state) and state.get('param_name') != 'params' and not any(
        key == 'optimizer' or hasattr(_ParamScheduler, key) for key in state)


_COUNT = f'a whole number from 0 to {MOST_STEPS}'
_CONFIG = dict(
    allows=lambda value: False,
    what='given by whoever needs it: a config is a program, and MMEngine '
    'would run this text',
    level=logging.INFO)
_HUB = 'message_hub.runtime_info.'

RULES = (
    Rule('meta', _is_dict, 'a dict', refuse=True),
    # Runner.resume runs the first, inferencers without a config the others.
    Rule('meta.config', **_CONFIG),
    Rule('meta.cfg', **_CONFIG),
    # IterBasedTrainLoop goes through as many batches.
    Rule('meta.epoch', _is_count, _COUNT, refuse=True),
    Rule('meta.iter', _is_count, _COUNT, refuse=True),
    Rule('meta.seed', _is_seed, 'a whole number below 2**32', refuse=True),
    Rule('message_hub', _is_hub, 'a dict', refuse=True),
    Rule('message_hub.log_scalars', _is_dict, 'a dict', refuse=True),
    Rule('message_hub.log_scalars.*', _is_history, 'numbers and counts'),
    Rule('message_hub.runtime_info', _is_dict, 'a dict', refuse=True),
    Rule(_HUB + 'cfg', **_CONFIG),
    # CheckpointHook removes the files of these.
    Rule(_HUB + 'best_ckpt*', _is_best_path, 'the path of a best_*.pth'),
    Rule(_HUB + 'keep_ckpt_ids', _is_list_of_counts, 'a list of numbers'),
    # Written at each save, and read by nobody.
    Rule(_HUB + 'last_ckpt', lambda value: False, 'of the run itself',
         level=logging.DEBUG),
    # Nothing would ever be better than NaN.
    Rule(_HUB + 'best_score*', _is_score, 'a number'),
    Rule('message_hub.resumed_keys', _is_dict, 'a dict', refuse=True),
    # MMEngine asserts that these are not changed later.
    Rule('message_hub.resumed_keys.*', lambda value: value is True, 'True',
         level=logging.DEBUG),
    # A scheduler's attributes are set to these.
    Rule('param_schedulers', _are_scheduler_states,
         "a list of schedulers' states", refuse=True),
)
