"""Commands of the README, and other things in processes of their own."""
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Callable, Iterator

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

#: Seconds that anything here may take, on a busy machine.
TIMEOUT = 300


def run(*command, cwd, options=None, **env) -> str:
    """Run a command and return what it printed; it must succeed."""
    command = [str(word) for word in command]
    if options:
        command += ['--cfg-options', *options]
    # No pipe: the end of one that children have inherited is waited for, even
    # when the time is over.
    with TemporaryFile('w+') as out:
        result = subprocess.run(
            command,
            cwd=cwd,
            env=dict(os.environ, OMP_NUM_THREADS='1', **env),
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT)
        out.seek(0)
        printed = out.read()
    assert result.returncode == 0, printed[-5000:]
    return printed


def _knows_mmpretrain() -> bool:
    try:
        return bool(version('mmpretrain'))
    except PackageNotFoundError:
        return False


needs_mim_of_mmpretrain = pytest.mark.skipif(
    not _knows_mmpretrain(),
    reason='MMPretrain is installed under a name that this mim does not know')


def mim(*arguments, **kwargs) -> str:
    return run(shutil.which('mim'), *arguments, **kwargs)


def last_scalars(work_dir: Path) -> dict:
    """The last logged value of each name, over all records of a run."""
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    values = {}
    for line in logs[-1].read_text().splitlines():
        values.update(json.loads(line))
    return values


def _member(rank: int, function: Callable, folder: str, num: int,
            args: tuple) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/group', rank=rank,
        world_size=num)
    function(rank, folder, *args)
    dist.barrier()
    # Destroying the group may wait for ever: PyTorch can hold the GIL while
    # it joins a thread that wants it to free a tensor.
    os._exit(0)


@contextmanager
def gloo_processes(function: Callable, folder: Path, *args,
                   num: int = 2) -> Iterator[None]:
    """Run ``function(rank, folder, *args)`` in processes of one group, beside
    the body; they must end well, and in time."""
    context = mp.spawn(
        _member, args=(function, str(folder), num, args), nprocs=num,
        join=False)
    try:
        yield
        end = time.monotonic() + TIMEOUT
        while not context.join(timeout=1):
            assert time.monotonic() < end, (
                f'still running after {TIMEOUT} s: {context.processes}')
    finally:
        for process in context.processes:
            process.kill()
