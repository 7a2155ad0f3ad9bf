"""Load thousands of spoiled checkpoints, and see what comes of it.

Usage: ``python tools/dev/fuzz_checkpoints.py [--mutations 2000] [--seed 0]``

Files as this package, MMEngine alone and older versions of PyTorch write
them, hostile ones and TorchScript among them, are spoiled at random
(``checkpoint_mutations.py``) and each given to ``load_checkpoint`` and
``damage_of`` in a process of its own. It fails if one of them

- runs code: a program is started, a file written or removed, a module
  imported, text compiled, or the file of the hostile ones appears;
- is loaded although ``damage_of`` finds it damaged, or the other way round;
- raises anything but the errors that are documented, or one without a
  sentence that names the file;
- gives something else than the whole file does, although its bytes were
  changed and are covered by checksums;
- takes more than 20 s, or 1 GB beside what the process has anyway;
- ends its process.

The last line printed is JSON: how many files of which kind ended how. Exit
status 1 means a failure; the files that failed are then kept. Needs a system
that forks, and /proc, as Linux has.
"""
import argparse
import codecs
import json
import logging
import os
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from checkpoint_mutations import (BYTES, Mutation, mutations_of, originals,
                                  spoil_directory)
from mmengine.logging import MMLogger

from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          UnsafeCheckpointError,
                                          load_checkpoint)
from samix_mm.checkpoints.readers import damage_of
from samix_mm.checkpoints.trusted_fields import ForgedCheckpointError

SECONDS = 20
MEMORY = 2**30
#: What is documented; OSError has FileNotFoundError in it.
ERRORS = (DamagedCheckpointError, UnsafeCheckpointError,
          ForgedCheckpointError, OSError)
#: Audit events of Python that mean that more is done than reading.
EVENTS = ('os.system', 'os.exec', 'os.posix_spawn', 'os.fork', 'os.remove',
          'os.rename', 'os.rmdir', 'os.mkdir', 'shutil.rmtree', 'exec',
          'compile', 'import', 'subprocess.Popen', 'socket.connect',
          'ctypes.dlopen', 'pty.spawn')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Load spoiled checkpoints')
    parser.add_argument('--mutations', type=int, default=2000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--keep', type=Path, default=Path('fuzz_failures'),
        help='folder for the files that failed')
    return parser.parse_args()


def watch() -> List[str]:
    """Note what this process does from now on, besides reading."""
    events: List[str] = []

    def note(event: str, arguments: tuple) -> None:
        writes = event == 'open' and (
            arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if event in EVENTS or writes:
            events.append(f'{event} {str(arguments)[:80]}')

    sys.addaudithook(note)
    return events


def describe(value: Any) -> Any:
    """A value that can be compared with ==, NaN included."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), repr(value.tolist())
    if isinstance(value, dict):
        return [(key, describe(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if hasattr(value, 'data') and isinstance(value.data, tuple):
        return [repr(item) for item in value.data]
    return repr(value)


def outcome(path: str, expected: Optional[Any]) -> str:
    """Load a file; what starts with FAILED is one."""
    try:
        damage = damage_of(path)
        if damage is not None and len(damage) < 10:
            return f'FAILED: damage_of said {damage!r}'
        loaded = load_checkpoint(path, 'cpu')
    except ERRORS as error:
        if path not in str(error) or len(str(error)) < len(path) + 20:
            return f'FAILED: {type(error).__name__} says {error}'
        if damage is None and isinstance(error, DamagedCheckpointError):
            return f'FAILED: damage_of did not find {error}'
        return type(error).__name__
    except BaseException as error:
        return f'FAILED: {type(error).__name__}: {error}'
    if damage is not None:
        return f'FAILED: damage_of said {damage}'
    if not isinstance(loaded, dict):
        return f'FAILED: loaded a {type(loaded).__name__}'
    if expected is not None and describe(loaded) != expected:
        return 'FAILED: loaded something else'
    return 'loaded'


def in_own_process(path: str, canary: Path, expected: Optional[Any]) -> dict:
    """Load a file in a fork of this process, within bounds."""
    receive, send = os.pipe()
    process = os.fork()
    if not process:
        used = int(Path('/proc/self/statm').read_text().split()[0])
        bound = used * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        events = watch()
        result = outcome(path, expected)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if events:
            result = f'FAILED: {events[:3]}'
        os.write(send, json.dumps(
            dict(result=result[:500], kilobytes=grown)).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, 'rb') as file:
        report = file.read()
    _, status = os.waitpid(process, 0)
    if canary.exists():
        canary.unlink()
        return dict(result='FAILED: code was run', kilobytes=0)
    if not report:
        ended = 'took too long' if os.WIFSIGNALED(status) and os.WTERMSIG(
            status) == signal.SIGALRM else f'ended with status {status}'
        return dict(result=f'FAILED: {ended}', kilobytes=0)
    return json.loads(report)


def has_to_equal(name: str, mutation: Mutation) -> bool:
    """Whether checksums cover what the mutation does to this file."""
    return name in ('plain', 'stock', 'protocol_4') and mutation in (
        *BYTES, spoil_directory)


def fuzz(args: argparse.Namespace, folder: Path) -> dict:
    rng = random.Random(args.seed)
    canary = folder / 'canary'
    codecs.lookup('cp437')  # zipfile imports it at need
    files = originals(str(canary))
    path = folder / 'epoch_1.pth'
    whole: Dict[str, Any] = {}
    for name, data in files.items():  # imports what loading imports, too
        path.write_bytes(data)
        result = outcome(str(path), None)
        if result == 'loaded':
            whole[name] = describe(load_checkpoint(str(path), 'cpu'))
    counts: Counter = Counter()
    failures, most = [], 0
    for number in range(args.mutations):
        name = rng.choice(list(files))
        mutation = rng.choice(mutations_of(name))
        data = mutation(rng, files[name])
        path.write_bytes(data)
        expected = whole[name] if has_to_equal(name, mutation) else None
        report = in_own_process(str(path), canary, expected)
        most = max(most, report['kilobytes'])
        kind, _, detail = report['result'].partition(': ')
        counts[f'{name} {mutation.__name__}: {kind}'] += 1
        if kind == 'FAILED':
            args.keep.mkdir(exist_ok=True)
            (args.keep / f'{number}.pth').write_bytes(data)
            failures.append(f'{number} {name} {mutation.__name__}: {detail}')
    totals: Counter = Counter()
    for key, count in counts.items():
        totals[key.rpartition(': ')[2]] += count
    return dict(
        mutations=args.mutations, seed=args.seed, torch=torch.__version__,
        loads_whole=sorted(whole), outcomes=dict(totals),
        by_kind=dict(sorted(counts.items())),
        most_memory_mb=round(most / 1024, 1), failures=failures)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    MMLogger.get_current_instance().setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        report = fuzz(args, Path(folder))
    print(json.dumps(report))
    if report['failures']:
        sys.exit(1)


if __name__ == '__main__':
    main()
