"""Kill a training again and again, resume it each time, and compare.

Usage: ``python tools/dev/kill_and_resume.py CONFIG [--kills 25]
[--processes 2] [--unseeded] [--cfg-options key=value ...]``

The training runs once in one go, and once more killed (SIGKILL, all of its
processes) and resumed with ``--resume``, until it has been killed so often
and has come to its end. It is killed while it starts, at a random time of the
training, and within milliseconds of a checkpoint that is created, renamed or
removed in the directory of the run. Hooks, validation and ``save_best`` are
those of the config.

Both runs must end with the same weights, buffers, optimizer, schedules,
place, and losses of all iterations, bit for bit; the losses, of which the
checkpoint has one for each iteration, also say how many were trained. With
``--unseeded`` the runs have no fixed seed: the one to be killed begins with
the first checkpoint of the other, and each process draws a seed of its own.

The result is printed as JSON. The exit status is 1 if anything differs, or
the training ended before it was killed so often.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple

from training_end import differences, end_of, iterations_in

from samix_mm.checkpoints.resuming import find_whole_checkpoint

TRAIN = Path(__file__).parents[1] / 'train.py'
#: In the environment of all processes that are started here, so that each can
#: be found, whatever session it has made its own.
MARK = f'KILL_AND_RESUME={uuid.uuid4()}'
#: When a training is killed, one after the other.
MOMENTS = ('training', 'writing', 'training', 'writing', 'starting')


class Kill(NamedTuple):
    """When a training was killed, and the newest checkpoint after that."""
    moment: str
    seconds: float
    place: str


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Kill, resume, compare')
    parser.add_argument('config', help='path of a config')
    parser.add_argument('--kills', type=int, default=25)
    parser.add_argument('--processes', type=int, default=1)
    parser.add_argument('--work-dir', default='work_dirs/kill_and_resume')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the moments of kills')
    parser.add_argument(
        '--longest', type=float, default=8.,
        help='seconds of start-up, or of training after it, before a kill at '
        'a random time, at most')
    parser.add_argument(
        '--patience', type=float, default=300.,
        help='seconds in which a training must write something')
    parser.add_argument(
        '--unseeded', action='store_true',
        help='without a fixed seed, from the first checkpoint on')
    parser.add_argument('--out', help='a file for the result')
    parser.add_argument('--cfg-options', nargs='+', default=[])
    return parser.parse_args()


def start(args: argparse.Namespace, work_dir: Path,
          resume: bool) -> subprocess.Popen:
    """Start a training."""
    command = [sys.executable, TRAIN, args.config]
    if args.processes > 1:
        command = [
            sys.executable, '-m', 'torch.distributed.run', '--standalone',
            f'--nproc_per_node={args.processes}', *command[1:], '--launcher',
            'pytorch'
        ]
    command += ['--work-dir', work_dir]
    if resume:
        command += ['--resume']
    options = list(args.cfg_options)
    if args.unseeded:
        options += ['randomness.seed=None']
    if options:
        command += ['--cfg-options', *options]
    name, _, value = MARK.partition('=')
    with open(work_dir.with_suffix('.log'), 'a') as log:
        return subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=log,
            env=dict(os.environ, **{name: value}))


def marked() -> Iterator[int]:
    """The processes that were started here and are still running."""
    for environ in Path('/proc').glob('[0-9]*/environ'):
        try:
            found = MARK.encode() in environ.read_bytes().split(b'\0')
        except OSError:  # it has ended, or is somebody else's
            continue
        if found:
            yield int(environ.parent.name)


def kill(process: subprocess.Popen) -> bool:
    """Kill a training with all of its processes; False if it had ended."""
    process.kill()
    status = process.wait()
    running = list(marked())
    while running:
        for number in running:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.01)
        running = list(marked())
    return status == -signal.SIGKILL


def finish(process: subprocess.Popen, work_dir: Path) -> None:
    """Wait for a training, which must succeed."""
    if process.wait() != 0:
        raise RuntimeError(
            f'a training failed; see {work_dir.with_suffix(".log")}')


def wait(process: subprocess.Popen, seconds: float) -> None:
    """Wait for a time, or for the end of a training."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def wait_for_change(process: subprocess.Popen, look: Callable[[], Any],
                    patience: float) -> None:
    """Wait until something looks different, or for the end of a training."""
    first, end = look(), time.monotonic() + patience
    while look() == first and process.poll() is None:
        if time.monotonic() > end:
            kill(process)
            raise RuntimeError(f'a training wrote nothing for {patience} s')
        time.sleep(0.001)


def wait_for_moment(moment: str, process: subprocess.Popen, work_dir: Path,
                    moments: random.Random, args: argparse.Namespace) -> None:
    """Wait until a training is to be killed."""
    if moment == 'training':
        wait_for_change(process, lambda: lines_logged(work_dir),
                        args.patience)
    if moment == 'writing':
        # Of an epoch that is the best: five or six.
        for _ in range(moments.randint(1, 8)):
            wait_for_change(process, lambda: checkpoints(work_dir),
                            args.patience)
        wait(process, moments.uniform(0, 0.02))
    else:
        wait(process, moments.uniform(0, args.longest))


def checkpoints(work_dir: Path) -> List[str]:
    """All files in the directory that are checkpoints, or shall become so."""
    if not work_dir.is_dir():
        return []
    return sorted(name for name in os.listdir(work_dir) if '.pth' in name)


def lines_logged(work_dir: Path) -> List[str]:
    """The logs of numbers that have begun."""
    return sorted(map(str, work_dir.glob('*/vis_data/scalars.json')))


def first_checkpoint(process: subprocess.Popen, work_dir: Path,
                     copy_to: Path) -> None:
    """Copy the first checkpoint of a training while that goes on."""
    found: List[Path] = []
    while not found and process.poll() is None:
        time.sleep(0.05)
        found = sorted(work_dir.glob('*_*[0-9].pth'))
    copy_to.mkdir(parents=True)
    shutil.copy(found[0], copy_to)


def newest(work_dir: Path) -> str:
    path = find_whole_checkpoint(str(work_dir))
    return Path(path).stem if path else 'none'


def run_and_kill(args: argparse.Namespace, work_dir: Path) -> List[Kill]:
    """Kill a training so often, or until it has come to its end."""
    moments = random.Random(args.seed)
    kills: List[Kill] = []
    while len(kills) < args.kills:
        begin = time.monotonic()
        process = start(args, work_dir, bool(kills) or args.unseeded)
        moment = MOMENTS[len(kills) % len(MOMENTS)]
        wait_for_moment(moment, process, work_dir, moments, args)
        if not kill(process):
            finish(process, work_dir)
            break
        seconds = round(time.monotonic() - begin, 1)
        kills.append(Kill(moment, seconds, newest(work_dir)))
        print(*kills[-1], flush=True, file=sys.stderr)
    finish(start(args, work_dir, resume=True), work_dir)
    return kills


def main() -> None:
    """Run the comparison and print it as JSON."""
    args = parse_args()
    whole, killed = (Path(args.work_dir, name) for name in ('whole', 'killed'))
    for folder in (whole, killed):
        if folder.exists():
            sys.exit(f'{folder} is there already; choose another --work-dir')
    whole.parent.mkdir(parents=True, exist_ok=True)
    process = start(args, whole, resume=False)
    if args.unseeded:
        first_checkpoint(process, whole, killed)
    finish(process, whole)
    kills = run_and_kill(args, killed)
    end, other = end_of(whole), end_of(killed)
    different = differences(end, other)
    result = dict(
        config=Path(args.config).stem,
        processes=args.processes,
        unseeded=args.unseeded,
        kills=len(kills),
        moments=Counter(kill.moment for kill in kills),
        places=[kill.place for kill in kills],
        seconds=[kill.seconds for kill in kills],
        iterations=[iterations_in(end), iterations_in(other)],
        iter=[end['meta.iter'], other['meta.iter']],
        epoch=[end['meta.epoch'], other['meta.epoch']],
        values=len(end),
        different=different)
    print(json.dumps(result))
    if args.out:
        Path(args.out).write_text(json.dumps(result))
    sys.exit(bool(different) or len(kills) < args.kills)


if __name__ == '__main__':
    main()
