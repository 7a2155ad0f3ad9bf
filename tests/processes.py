"""Commands of the README, run in processes of their own."""
import json
import os
import shutil
import subprocess
from pathlib import Path


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


def mim(*arguments, **kwargs) -> str:
    return run(shutil.which('mim'), *arguments, **kwargs)


def last_scalars(work_dir: Path) -> dict:
    """The last logged value of each name, over all records of a run."""
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    values = {}
    for line in logs[-1].read_text().splitlines():
        values.update(json.loads(line))
    return values
