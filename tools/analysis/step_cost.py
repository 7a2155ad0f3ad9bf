"""What a training step costs, next to the same network's vanilla step.

Usage: ``python tools/analysis/step_cost.py CONFIG [CONFIG ...]``

CONFIG is a path or the bare name of a config of this package. From each, the
algorithm and its vanilla counterpart (``ImageClassifier`` or ``MoCo``) are
built and trained on random images, in turn: A B B A. Printed are

- FLOPs of a step, by ``torch.utils.flop_counter``;
- time of a step: the median over rounds of each, and the median and the
  quartiles of the rounds' ratios;
- peak memory of a step above what is kept between steps (weights, optimizer
  states): activations, gradients, buffers;
- FLOPs and time of each part of the step, with its backward pass.

All are means over ``--steps`` steps: where the Mixer learns every
``mixer_interval`` steps, over so many. More are needed where steps differ at
random, as those of ``ManifoldMix`` and ``RandomChoice`` do.
"""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Tuple

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import set_random_seed
from step_parts import step_parts
from step_setup import (Step, build_optim_wrapper, find_config, image_size,
                        random_batch, vanilla_model_cfg)
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import samix_mm  # noqa: F401  # registers, and lets configs inherit from it

#: How often the time of the parts is taken.
PART_ROUNDS = 3


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Cost of a training step over that of the vanilla one')
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument('--batch', type=int, help="default: the config's")
    parser.add_argument('--size', type=int, help="default: the config's")
    parser.add_argument('--device', default=get_device())
    parser.add_argument(
        '--rounds', type=int, default=5, help='rounds A B B A, default: 5')
    parser.add_argument(
        '--steps', type=int,
        help="steps that are measured together, default: the mixing method's "
        'mixer_interval, or 1')
    parser.add_argument('--amp', choices=('bf16', 'fp16'))
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', action='store_true', help='an object a line')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        help='override settings of the config, key=value')
    args = parser.parse_args()
    if args.amp == 'fp16' and args.device == 'cpu':
        parser.error('--amp fp16 needs a GPU; on a CPU write --amp bf16')
    for name in ('rounds', 'steps'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name} must be at least 1, got {value}')
    return args


def measure(name: str, args: argparse.Namespace) -> dict:
    """Measure one config.

    Args:
        name (str): Path or bare name.
        args (Namespace): The command line.

    Returns:
        dict: Ratios, and what they are ratios of.
    """
    cfg = Config.fromfile(find_config(name))
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    batch = args.batch or cfg.train_dataloader.batch_size
    size = args.size or image_size(cfg)
    period = args.steps or cfg.model.get('mixing', {}).get(
        'mixer_interval', 1)
    mixing, vanilla = (
        build_step(cfg, model_cfg, batch, size, args)._replace(period=period)
        for model_cfg in (cfg.model, vanilla_model_cfg(cfg.model)))
    steps = dict(mixing=mixing, vanilla=vanilla)
    for step in steps.values():
        step()
        step()

    flops = {key: count_flops(step) for key, step in steps.items()}
    memory = {key: peak_memory(step, args.device)
              for key, step in steps.items()}
    parts = measure_parts(mixing, args)
    seconds, ratios = interleave(mixing, vanilla, args)
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return dict(
        config=Path(name).stem,
        batch=batch,
        size=size,
        device=args.device,
        precision=args.amp or 'fp32',
        flop_ratio=flops['mixing'] / flops['vanilla'],
        time_ratio=middle,
        time_ratio_quartiles=[low, high],
        memory_ratio=memory['mixing'] / memory['vanilla'],
        gflops={key: value / period / 1e9 for key, value in flops.items()},
        seconds={key: value / period for key, value in seconds.items()},
        megabytes={key: value / 2**20 for key, value in memory.items()},
        parts=parts)


def build_step(cfg: Config, model_cfg: dict, batch: int, size: int,
               args: argparse.Namespace) -> Step:
    """Build a model and its optimizer, ready for a step on random images."""
    set_random_seed(args.seed)
    model = MODELS.build(model_cfg).to(args.device).train()
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper, args.amp)
    step = Step(model, optim_wrapper, random_batch(model, batch, size))
    if args.compile:
        model.train_step = torch.compile(model.train_step)
    return step


def count_flops(run: Callable[[], None]) -> int:
    """FLOPs of a call."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def measure_parts(step: Step, args: argparse.Namespace) -> Dict[str, dict]:
    """GFLOPs and seconds of each part of a step."""
    with FlopCounterMode(display=False) as counter:
        flops = step_parts(step, counter.get_total_flops)
    rounds = [
        step_parts(step, lambda: _now(args.device)) for _ in range(PART_ROUNDS)
    ]
    return {
        part: dict(
            gflops=flops[part] / 1e9,
            seconds=statistics.median(found[part] for found in rounds))
        for part in flops
    }


def peak_memory(run: Callable[[], None], device: str) -> int:
    """Bytes that a call needs at most above what was there before it."""
    if device != 'cpu':
        backend = getattr(torch, torch.device(device).type)
        backend.synchronize()
        backend.reset_peak_memory_stats()
        before = backend.memory_allocated()
        run()
        return backend.max_memory_allocated() - before
    with profile(
            activities=[ProfilerActivity.CPU], profile_memory=True) as result:
        run()
    return peak_of_trace(result)


def peak_of_trace(result: profile) -> int:
    """Peak of the running sum of allocations in a profiler's trace."""
    from tempfile import TemporaryDirectory
    with TemporaryDirectory() as directory:
        path = Path(directory, 'trace.json')
        result.export_chrome_trace(str(path))
        events = json.loads(path.read_text())['traceEvents']
    changes = [(event['ts'], event['args']['Bytes']) for event in events
               if event.get('name') == '[memory]']
    allocated = peak = 0
    for _, change in sorted(changes, key=lambda change: change[0]):
        allocated += change
        peak = max(peak, allocated)
    return peak


def timed(run: Callable[[], None], device: str) -> float:
    """Seconds of a call."""
    start = _now(device)
    run()
    return _now(device) - start


def _now(device: str) -> float:
    """Seconds, once the device has done what it was told."""
    backend = getattr(torch, torch.device(device).type)
    getattr(backend, 'synchronize', lambda: None)()
    return time.perf_counter()


def interleave(mixing: Step, vanilla: Step,
               args: argparse.Namespace) -> Tuple[Dict[str, float], list]:
    """Time rounds of A B B A.

    Returns:
        Tuple[Dict[str, float], List[float]]: Median seconds of either, and
        the ratio of each round.
    """
    times = dict(mixing=[], vanilla=[])
    ratios = []
    for _ in range(args.rounds):
        first, second, third, fourth = (
            timed(step, args.device)
            for step in (mixing, vanilla, vanilla, mixing))
        times['mixing'] += first, fourth
        times['vanilla'] += second, third
        ratios.append((first + fourth) / (second + third))
    medians = {key: statistics.median(value) for key, value in times.items()}
    return medians, ratios


def as_text(cost: dict) -> str:
    """Lay out what was measured for a reader."""
    low, high = cost['time_ratio_quartiles']
    lines = [
        f'{cost["config"]}: batch {cost["batch"]}, {cost["size"]} px, '
        f'{cost["precision"]}, {cost["device"]}',
        f'  FLOPs   {cost["flop_ratio"]:.3f} x vanilla',
        f'  time    {cost["time_ratio"]:.3f} x ({low:.3f} to {high:.3f})',
        f'  memory  {cost["memory_ratio"]:.3f} x '
        f'({cost["megabytes"]["vanilla"]:.0f} MB)',
    ]
    for name, part in cost['parts'].items():
        share = part['gflops'] / cost['gflops']['mixing']
        seconds = part['seconds'] / cost['seconds']['mixing']
        lines.append(f'    {name:16} {share:6.1%} of the FLOPs, '
                     f'{seconds:6.1%} of the time')
    return '\n'.join(lines)


if __name__ == '__main__':
    arguments = parse_args()
    for handler in MMLogger.get_current_instance().handlers:
        handler.setStream(sys.stderr)  # what models log
    for config in arguments.configs:
        measured = measure(config, arguments)
        print(json.dumps(measured) if arguments.json else as_text(measured),
              flush=True)
