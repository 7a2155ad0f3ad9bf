"""Kill a training at random moments, resume it each time, and compare.

Usage: ``python tools/dev/kill_and_resume.py CONFIG [--kills 25]
[--processes 2] [--cfg-options key=value ...]``

The training runs once in one go, and once more killed (SIGKILL, all of its
processes) after random times and resumed with ``--resume``, until it has been
killed so often and has come to its end. Its last weights must be those of the
first run, bit for bit; a run that cannot be resumed is an error. ``places``
are the newest whole checkpoints after the kills, in iterations or epochs.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from samix_mm.checkpoints.resuming import find_whole_checkpoint

TOOLS = Path(__file__).parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Kill, resume, compare')
    parser.add_argument('config', help='path of a config')
    parser.add_argument('--kills', type=int, default=25)
    parser.add_argument('--processes', type=int, default=1)
    parser.add_argument('--work-dir', default='work_dirs/kill_and_resume')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the moments of kills')
    parser.add_argument(
        '--longest', type=float, default=20.,
        help='seconds of a training before it is killed, at most')
    parser.add_argument('--cfg-options', nargs='+', default=[])
    return parser.parse_args()


def start(args: argparse.Namespace, work_dir: Path,
          resume: bool) -> subprocess.Popen:
    """Start a training in a process group of its own."""
    command = [sys.executable, TOOLS / 'train.py', args.config]
    if args.processes > 1:
        command = [
            sys.executable, '-m', 'torch.distributed.run', '--standalone',
            f'--nproc_per_node={args.processes}', *command[1:], '--launcher',
            'pytorch'
        ]
    command += ['--work-dir', work_dir]
    if resume:
        command += ['--resume']
    if args.cfg_options:
        command += ['--cfg-options', *args.cfg_options]
    work_dir.mkdir(parents=True, exist_ok=True)
    log = open(work_dir / 'output.log', 'a')  # noqa: SIM115
    return subprocess.Popen(
        [str(word) for word in command], stdout=log, stderr=log,
        start_new_session=True)


def finish(process: subprocess.Popen, work_dir: Path) -> None:
    """Wait for a training, which must succeed."""
    if process.wait() != 0:
        raise RuntimeError(
            f'a training failed; see {work_dir / "output.log"}')


def last_weights(work_dir: Path) -> dict:
    """The state dict of the last checkpoint."""
    path = find_whole_checkpoint(str(work_dir))
    return torch.load(path, weights_only=True)['state_dict']


def main() -> None:
    """Run the comparison and print it as JSON."""
    args = parse_args()
    whole, killed = (Path(args.work_dir, name) for name in ('whole', 'killed'))
    finish(start(args, whole, resume=False), whole)
    moments = random.Random(args.seed)
    places = []
    while len(places) < args.kills:
        process = start(args, killed, resume=bool(places))
        time.sleep(moments.uniform(0, args.longest))
        if process.poll() is not None:
            finish(process, killed)
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        path = find_whole_checkpoint(str(killed)) or '_0.pth'
        places.append(int(Path(path).stem.rpartition('_')[2]))
    finish(start(args, killed, resume=True), killed)
    expected, found = last_weights(whole), last_weights(killed)
    different = [
        name for name, value in expected.items()
        if torch.is_tensor(value) and not torch.equal(value, found[name])
    ]
    print(
        json.dumps(
            dict(
                config=Path(args.config).stem,
                processes=args.processes,
                kills=len(places),
                places=places,
                weights=len(expected),
                different=different)))
    sys.exit(bool(different))


if __name__ == '__main__':
    main()
