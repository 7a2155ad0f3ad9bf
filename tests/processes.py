"""Commands of the README, and other things in processes of their own."""
import json
import os
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.utils import digit_version


def run(*command, cwd, options=None, **env) -> str:
    """Run a command and return what it printed; it must succeed."""
    command = [str(word) for word in command]
    if options:
        command += ['--cfg-options', *options]
    result = subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ, OMP_NUM_THREADS='1', **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300)
    assert result.returncode == 0, result.stdout[-5000:]
    return result.stdout


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


def leave_group() -> None:
    """Destroy this process's group.

    PyTorch before 2.8 keeps the GIL while it waits for a thread of the group,
    which may want it to free a tensor of the last collective: both would wait
    for ever. That thread gets a moment.
    """
    if digit_version(torch.__version__) < digit_version('2.8.0'):
        time.sleep(1)
    dist.destroy_process_group()
