"""The configs of this package, by what is trained with them."""
import ast
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List, Tuple, Union

from mmengine.config import Config

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'configs'
#: Method folders; the others are for evaluation and for what is inherited.
METHODS = [
    'cutmix', 'fmix', 'manifoldmix', 'mixup', 'mocov2', 'resizemix', 'samix',
    'vanilla'
]
#: What folders of a method may inherit from besides themselves.
SHARED = ('_base_', 'vanilla', 'mocov2')


def scenario_of(path: Path) -> str:
    """'supervised' or 'self-supervised', as the name says."""
    ssl = path.stem.startswith(('mocov2', 'samix-i_', 'samix-c_'))
    return 'self-supervised' if ssl else 'supervised'


def configs_of(scenario: str) -> List[Path]:
    """All configs of pre-training or of training with labels."""
    return [
        path for method in METHODS
        for path in sorted((FOLDER / method).glob('*.py'))
        if scenario_of(path) == scenario
    ]


def name_of(path: Path) -> str:
    """The name of a test of one config."""
    return path.stem


def header_of(path: Path) -> str:
    """What a reader learns before the first setting."""
    lines = path.read_text().splitlines()
    end = next(
        i for i, line in enumerate(lines) if not line.startswith('#'))
    return '\n'.join(lines[:end])


def load(path: Union[Path, str]) -> Config:
    """A config, to be changed at will."""
    return deepcopy(_load(str(path)))


@lru_cache(maxsize=None)
def _load(path: str) -> Config:
    if '::' not in path:
        return Config.fromfile(path)
    with TemporaryDirectory() as folder:
        inherits = Path(folder, 'inherits.py')
        inherits.write_text(f'_base_ = {path!r}')
        return Config.fromfile(inherits)


@lru_cache(maxsize=None)
def own_settings(path: Path) -> Tuple[List[str], dict, dict]:
    """Names or paths of what a config inherits from, what it gets from them,
    and what it says itself."""
    tree = ast.parse(path.read_text())
    inherits = [
        part for part in tree.body
        if isinstance(part, ast.Assign)
        and getattr(part.targets[0], 'id', None) == '_base_'
    ]
    bases = ast.literal_eval(inherits[0].value) if inherits else []
    bases = [
        base if '::' in base else str((path.parent / base).resolve())
        for base in ([bases] if isinstance(bases, str) else bases)
    ]
    inherited = Config({
        name: value
        for base in bases
        for name, value in load(base).items()
    })
    tree.body = [part for part in tree.body if part not in inherits]
    names = dict(_base_=deepcopy(inherited))
    exec(compile(tree, str(path), 'exec'), names)
    settings = {
        name: value
        for name, value in names.items() if not name.startswith('_')
    }
    return bases, inherited, settings
