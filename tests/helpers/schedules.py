"""Configs that differ from another one in the length of their training."""
import re
from pathlib import Path
from typing import List, Optional

from .configs import load


def shorter(path: Path) -> Optional[Path]:
    """The config without its name's last part, such as ``_400e``."""
    other = path.with_name(re.sub(r'_\d+e$', '', path.stem) + '.py')
    return other if other != path and other.exists() else None


def distinct(paths: List[Path]) -> List[Path]:
    """Those whose training must be tried: not the longer ones, as long as
    :func:`differs_in_length_only` holds."""
    return [path for path in paths if shorter(path) is None]


def differs_in_length_only(path: Path) -> bool:
    cfg, other = load(path), load(shorter(path))
    changed = {
        key
        for key in {*cfg, *other} if cfg.get(key) != other.get(key)
    }
    return changed <= {'train_cfg', 'param_scheduler', 'default_hooks'}
