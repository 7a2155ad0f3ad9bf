"""Configs inherit a ``collate_fn`` with ``_base_ = 'package::...'``.

MMEngine writes ``_scope_`` into every inherited dict with a ``type``, and
hands it on as an argument of the functions of a data loader. It is taken out
before MMEngine sees it: a loader gets MMEngine's own functions, which its
workers know however they are started.
"""
from typing import Any, Callable

from .workaround import Workaround, is_ours, replacement

#: The entries of a data loader for which MMEngine makes partial functions.
FUNCTIONS = ('collate_fn', 'worker_init_fn')


def _runners() -> tuple:
    from mmengine import runner
    return tuple(
        getattr(runner, name) for name in ('Runner', 'FlexibleRunner')
        if hasattr(runner, name))


def _needed() -> bool:
    from mmengine.dataset import pseudo_collate
    loader = _runners()[0].build_dataloader(
        dict(
            dataset=[0],
            sampler=[0],
            collate_fn=dict(type=pseudo_collate, _scope_='mmengine')))
    return '_scope_' in getattr(loader.collate_fn, 'keywords', ())


def _applied() -> bool:
    return is_ours(_runners()[0].build_dataloader)


def _apply() -> None:
    for runner in _runners():
        runner.build_dataloader = staticmethod(
            without_scopes(runner.build_dataloader))


def without_scopes(original: Callable) -> Callable:
    """``Runner.build_dataloader`` for functions that were inherited."""

    @replacement(original)
    def build_dataloader(dataloader: Any, *args, **kwargs) -> Any:
        if isinstance(dataloader, dict):
            for name in FUNCTIONS:
                function = dataloader.get(name)
                if isinstance(function, dict) and '_scope_' in function:
                    function = function.copy()
                    del function['_scope_']
                    dataloader = dataloader.copy()
                    dataloader[name] = function
        return original(dataloader, *args, **kwargs)

    return build_dataloader


WORKAROUND = Workaround(
    name='scoped_collate',
    replaces='mmengine.runner.Runner.build_dataloader, '
    'mmengine.runner.FlexibleRunner.build_dataloader',
    why="A collate_fn inherited with _base_ = 'mmpretrain::...' is called "
    'with an argument _scope_, which no function takes.',
    versions='all of MMEngine up to 0.10.7',
    needed=_needed,
    applied=_applied,
    apply=_apply)
