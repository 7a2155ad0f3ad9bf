"""Run MMPretrain's own scripts with what this package adds to them.

The command line, its defaults and the runner stay MMPretrain's. Added are
``_base_ = 'samix_mm::...'`` (by importing this package before a config is
read) and ``--amp`` without a GPU.
"""
import os.path as osp
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import mmpretrain
from mmengine.config import Config
from mmengine.device import get_device


def train() -> None:
    """Run MMPretrain's ``tools/train.py``."""
    _run('train.py')


def test() -> None:
    """Run MMPretrain's ``tools/test.py``."""
    _run('test.py')


def fit_to_machine(cfg: Config) -> Config:
    """Change what only works with an accelerator, where there is none.

    Memory is not pinned, and ``--amp`` means bfloat16.

    Args:
        cfg (Config): The config with the command line merged into it.

    Returns:
        Config: The same config.
    """
    if get_device() != 'cpu':
        return cfg
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name):
            cfg[name].pin_memory = False
    optim_wrapper = cfg.get('optim_wrapper') or {}
    if optim_wrapper.get('type') == 'AmpOptimWrapper':
        optim_wrapper.type = 'CPUAmpOptimWrapper'
        for name in ('loss_scale', 'dtype', 'use_fsdp'):
            optim_wrapper.pop(name, None)
    return cfg


def _run(name: str) -> None:
    script = _stock_script(name)
    merge_args = script.merge_args
    script.merge_args = lambda cfg, args: fit_to_machine(merge_args(cfg, args))
    script.main()


def _stock_script(name: str) -> ModuleType:
    """Import a script of the installed MMPretrain."""
    package = osp.dirname(mmpretrain.__file__)
    paths = [
        osp.join(package, '.mim', 'tools', name),
        # an editable installation
        osp.join(osp.dirname(package), 'tools', name)
    ]
    path = next((path for path in paths if osp.isfile(path)), None)
    if path is None:
        raise FileNotFoundError(
            f'MMPretrain\'s tools/{name} is not at {" or ".join(paths)}; '
            'install it with `mim install "mmpretrain>=1.2.0"`')
    spec = spec_from_file_location(f'mmpretrain_{osp.splitext(name)[0]}', path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
