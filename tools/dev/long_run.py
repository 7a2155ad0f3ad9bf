"""Train long, twice in one process, and look for what grows or stays behind.

Usage: ``python tools/dev/long_run.py [--iters 3000]
[--variant {infonce,cluster}]``

A small ``SAMixClassifier`` and then a small ``SAMixMoCo`` are trained on
scikit-learn's digits in one process, with the hooks of this package's configs.
The last line printed is JSON: for each training, by least squares after its
first iterations,

- ``memory_slope``: MB per 1,000 iterations by which the resident memory of
  the process and its data-loader workers grows, without garbage;
- ``files_slope``: the same of the number of its open files;
- ``log_bytes``: what is added to the log per 1,000 iterations, and
  ``log_spread``, by how much of it equal parts of the training differ.

``starts_clean`` says whether the losses of the first iterations of the second
training are, bit for bit, those of the same training in a new process:
registries, scopes, message hubs and random streams of the first one must not
reach it. Exit status 1 means that a limit is exceeded or that it does not
start clean. Needs /proc, as Linux has it.
"""
import argparse
import ctypes
import gc
import json
import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import List, Optional

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

import samix_mm  # noqa: F401  # registers

CONFIGS = Path(__file__).parents[2] / 'configs'
TRAININGS = ('supervised', 'self-supervised')
MEGABYTE = 2**20

BATCH, BATCHES = 16, 25  # of an epoch
FIRST = 20  # iterations whose losses are compared
SETTLING = 300  # iterations that are not measured
EVERY = 10  # iterations between two measurements


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Look for leaks')
    parser.add_argument(
        '--iters', type=int, default=3000,
        help=f'of each training, rounded up to epochs of {BATCHES}')
    parser.add_argument(
        '--variant', choices=('infonce', 'cluster'), default='infonce')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--work-dir', default='work_dirs/long_run')
    parser.add_argument(
        '--max-memory', type=float, default=2.,
        help='MB per 1,000 iterations, default: 2')
    parser.add_argument(
        '--max-files', type=float, default=0.1,
        help='open files per 1,000 iterations, default: 0.1')
    parser.add_argument(
        '--max-log-spread', type=float, default=0.1,
        help='difference between equal parts of the log, default: 0.1')
    parser.add_argument(
        '--only-first', action='store_true',
        help='print the first losses of the self-supervised training, alone')
    return parser.parse_args()


def config(training: str, args: argparse.Namespace) -> Config:
    """A config of this package, made small and given the digits."""
    digits = Config.fromfile(CONFIGS / 'samix/samix_digits_r18.py')
    cfg, in_channels = digits, 'model.head.in_channels'
    if training == 'self-supervised':
        letter = dict(infonce='i', cluster='c')[args.variant]
        cfg = Config.fromfile(
            CONFIGS / f'samix/samix-{letter}_cifar10-jpeg-2k_r18w16.py')
        _give_digits(cfg, digits)
        in_channels = 'model.neck.in_channels'
        cfg.merge_from_dict({'model.queue_len': 10 * BATCH})
        if args.variant == 'cluster':
            cfg.model.objective.num_clusters = 20
    epochs = math.ceil(args.iters / BATCHES)
    interval = _interval(epochs)
    cfg.merge_from_dict({
        'model.backbone.num_stages': 2,
        'model.backbone.out_indices': (1, ),
        'model.backbone.strides': (2, 2),
        'model.backbone.dilations': (1, 1),
        'model.backbone.stem_channels': 8,
        'model.backbone.base_channels': 8,
        in_channels: 16,
        'train_dataloader.batch_size': BATCH,
        'train_dataloader.dataset.indices': BATCH * BATCHES,
        'val_dataloader.dataset.indices': 100,
        'train_cfg.max_epochs': epochs,
        'train_cfg.val_interval': interval,
        'param_scheduler.T_max': epochs,
        'default_hooks.logger.interval': EVERY,
        'default_hooks.checkpoint.interval': interval,
        'work_dir': str(Path(args.work_dir, training)),
    })
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.num_workers = args.workers
        loader.persistent_workers = args.workers > 0
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    return cfg


def _give_digits(cfg: Config, digits: Config) -> None:
    """Replace the images of a self-supervised config by the digits, which
    need not be loaded."""
    views = cfg.train_dataloader.dataset.pipeline[1:]
    views[0].transforms[0][0].scale = 16
    dataset = digits.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(dataset, pipeline=views)
    cfg.val_dataloader.dataset = digits.val_dataloader.dataset
    cfg.val_cfg.bank_dataloader.dataset = dict(
        dataset, pipeline=digits.test_pipeline, indices=BATCH * BATCHES)


def _interval(epochs: int) -> int:
    """Epochs between two validations; the first comes while the training
    settles."""
    return min(10, max(1, epochs // 2))


class Enough(Exception):
    """Ends a training of which no more is wanted."""


class Watch(Hook):
    """Measures the process during a training.

    Args:
        stop_at (int, optional): The iteration at which training ends.
    """

    priority = 'LOWEST'

    def __init__(self, stop_at: Optional[int] = None) -> None:
        self.stop_at = stop_at
        self.losses: List[dict] = []
        self.iters, self.memory, self.files = [], [], []
        self.log_sizes: List[int] = []

    def before_train(self, runner: Runner) -> None:
        self.started = time.time()
        interval = _interval(runner.max_epochs)
        self.log_interval = interval * len(runner.train_dataloader)
        # What is there need not be looked through again and again.
        gc.collect()
        gc.freeze()

    def after_train(self, runner: Runner) -> None:
        gc.unfreeze()

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None) -> None:
        done = runner.iter + 1
        if done <= FIRST:
            self.losses.append(
                {name: float(value) for name, value in outputs.items()})
        if done % EVERY == 0 and done > settled(runner.max_iters):
            free_garbage()
            self.iters.append(done)
            self.memory.append(memory() / MEGABYTE)
            self.files.append(len(os.listdir('/proc/self/fd')))
        if done % self.log_interval == 0 and done > SETTLING:
            self.log_sizes.append(log_size(Path(runner.log_dir)))
        if done == self.stop_at:
            raise Enough

    def report(self) -> dict:
        """What was measured, in the terms of the module's docstring."""
        parts = np.diff(self.log_sizes)
        report = dict(
            seconds=round(time.time() - self.started, 1),
            memory=round(self.memory[-1], 1),
            memory_slope=round(slope(self.iters, self.memory), 3),
            files=self.files[-1],
            files_slope=round(slope(self.iters, self.files), 3),
            log_bytes=None,
            log_spread=None)
        if len(parts):
            report.update(
                log_bytes=round(parts.mean() / self.log_interval * 1000),
                log_spread=round(float(np.ptp(parts) / parts.mean()), 4))
        return report


def settled(iters: int) -> int:
    """The last iteration that is not measured."""
    return min(SETTLING, iters // 2)


def free_garbage() -> None:
    """Free what nobody needs, and give it back to the system.

    Formatting the config for a checkpoint leaves MBs of garbage, to which
    Python comes by and by; glibc keeps what was freed for later.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


def memory() -> int:
    """Resident bytes of this process and all that it has started."""
    pages, waiting = 0, [os.getpid()]
    while waiting:
        process = Path('/proc', str(waiting.pop()))
        try:
            pages += int((process / 'statm').read_text().split()[1])
            for children in process.glob('task/*/children'):
                waiting += [int(child) for child in
                            children.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return pages * os.sysconf('SC_PAGE_SIZE')


def log_size(log_dir: Path) -> int:
    """Bytes of all text that a training has logged."""
    return sum(path.stat().st_size for path in log_dir.rglob('*')
               if path.suffix in ('.log', '.json'))


def slope(iters: List[int], values: List[float]) -> float:
    """Growth per 1,000 iterations, by least squares."""
    return float(np.polyfit(iters, values, 1)[0] * 1000)


def train(training: str, args: argparse.Namespace,
          stop_at: Optional[int] = None) -> Watch:
    """Train as ``tools/train.py`` does, and watch it."""
    runner = Runner.from_cfg(config(training, args))
    watch = Watch(stop_at)
    runner.register_hook(watch)
    with suppress(Enough):
        runner.train()
    return watch


def start_alone(args: argparse.Namespace) -> subprocess.Popen:
    """Start the self-supervised training in a process of its own."""
    command = [
        sys.executable, __file__, '--only-first', '--iters', args.iters,
        '--variant', args.variant, '--workers', args.workers, '--work-dir',
        output_of_alone(args).parent
    ]
    output_of_alone(args).parent.mkdir(parents=True, exist_ok=True)
    with open(output_of_alone(args), 'w') as output:
        return subprocess.Popen([str(word) for word in command],
                                stdout=output)


def output_of_alone(args: argparse.Namespace) -> Path:
    """Where it prints."""
    return Path(args.work_dir, 'alone/output.log')


def losses_alone(alone: subprocess.Popen, args: argparse.Namespace) -> list:
    """Wait for its first losses, in the last line that it printed."""
    output = output_of_alone(args)
    if alone.wait() != 0:
        raise RuntimeError(f'a training failed; see {output}')
    return json.loads(output.read_text().splitlines()[-1])


def main() -> None:
    """Train, and print the report as JSON."""
    args = parse_args()
    if args.only_first:
        print(json.dumps(train(TRAININGS[1], args, stop_at=FIRST).losses))
        return
    alone = start_alone(args)
    report = dict(iters=args.iters, variant=args.variant, trainings={})
    for training in TRAININGS:
        watch = train(training, args)
        report['trainings'][training] = watch.report()
    report['starts_clean'] = watch.losses == losses_alone(alone, args)
    report['exceeded'] = exceeded(report['trainings'], args)
    print(json.dumps(report))
    sys.exit(bool(report['exceeded'] or not report['starts_clean']))


def exceeded(trainings: dict, args: argparse.Namespace) -> List[str]:
    """The figures above their limits."""
    limits = dict(
        memory_slope=args.max_memory,
        files_slope=args.max_files,
        log_spread=args.max_log_spread)
    return [
        f'{name} of {training}: {figures[name]} > {limit}'
        for training, figures in trainings.items()
        for name, limit in limits.items() if (figures[name] or 0) > limit
    ]


if __name__ == '__main__':
    main()
