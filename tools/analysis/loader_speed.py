"""How many images a second a config's training loader delivers.

Usage: ``python tools/analysis/loader_speed.py CONFIG [CONFIG ...]``

The first epoch is not timed: workers start, and caches fill, during it.
"""
import argparse
import json
import time
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from step_setup import find_config

import samix_mm  # noqa: F401  # registers, and lets configs inherit from it


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Images a second of the training loader')
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument(
        '--workers', nargs='+', type=int, default=[0, 1, 2],
        help='numbers of worker processes, default: 0 1 2')
    parser.add_argument(
        '--epochs', type=int, default=3, help='timed epochs, default: 3')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        help='override settings of the config, key=value')
    return parser.parse_args()


def images_a_second(cfg: Config, workers: int, epochs: int) -> float:
    """Measure the best of a few epochs.

    Args:
        cfg (Config): With ``train_dataloader``.
        workers (int): Number of worker processes.
        epochs (int): How many epochs are timed.

    Returns:
        float: Images a second.
    """
    loader_cfg = cfg.train_dataloader.copy()
    loader_cfg.num_workers = workers
    loader_cfg.persistent_workers = workers > 0
    if workers == 0:
        loader_cfg.pop('prefetch_factor', None)
    loader = Runner.build_dataloader(loader_cfg, seed=0)
    num_images = len(loader.sampler)
    speeds = []
    for _ in range(epochs + 1):
        start = time.perf_counter()
        for _ in loader:
            pass
        speeds.append(num_images / (time.perf_counter() - start))
    return max(speeds[1:])


if __name__ == '__main__':
    args = parse_args()
    for name in args.configs:
        config = Config.fromfile(find_config(name))
        config.merge_from_dict(args.cfg_options)
        init_default_scope(config.get('default_scope', 'mmpretrain'))
        print(
            json.dumps(
                dict(
                    config=Path(name).stem,
                    images_a_second={
                        workers: round(
                            images_a_second(config, workers, args.epochs))
                        for workers in args.workers
                    })),
            flush=True)
