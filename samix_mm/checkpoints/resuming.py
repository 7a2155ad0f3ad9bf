"""``--resume`` with the newest checkpoint that is whole.

MMEngine resumes from the file that ``last_checkpoint`` names, and stops with
a traceback if that one is damaged or gone. The function of its runner that
finds it is replaced when the package is imported.
"""
import logging
import os.path as osp
import re
from pathlib import Path
from typing import List, Optional

import mmengine.runner._flexible_runner as flexible_runner
import mmengine.runner.runner as mmengine_runner
from mmengine.logging import print_log

from .archive import damage_of

#: What MMEngine's CheckpointHook names its files.
_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth$')


def find_whole_checkpoint(work_dir: str) -> Optional[str]:
    """Find the newest whole checkpoint of a run.

    Args:
        work_dir (str): Its directory.

    Returns:
        str | None: The one that ``last_checkpoint`` names, if it is whole, or
        else the newest of the others; None if there is none.
    """
    candidates = _candidates(work_dir)
    for path in candidates:
        if osp.isdir(path):  # sharded, as DeepSpeed saves
            return path
        damage = damage_of(path)
        if damage is None:
            return path
        print_log(
            f'{path} is not resumed from: {damage}', logger='current',
            level=logging.WARNING)
    reason = 'is whole' if candidates else 'was found'
    print_log(
        f'No checkpoint in {work_dir} {reason}: training starts from its '
        'beginning', logger='current', level=logging.WARNING)
    return None


def resume_from_whole_checkpoints() -> None:
    """Let MMEngine's runners resume from whole checkpoints."""
    for module in (mmengine_runner, flexible_runner):
        module.find_latest_checkpoint = find_whole_checkpoint


def _candidates(work_dir: str) -> List[str]:
    """All checkpoints of a run, the one to be resumed from first."""
    numbered = [
        path for path in Path(work_dir).glob('*.pth')
        if _NUMBERED.match(path.name)
    ]
    numbered.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    paths = [str(path) for path in numbered]
    pointer = Path(work_dir, 'last_checkpoint')
    last = pointer.read_text().strip() if pointer.is_file() else ''
    if last and not osp.exists(last):
        # A run whose directory was moved, or started from elsewhere.
        moved = osp.join(work_dir, osp.basename(last))
        last = moved if osp.exists(moved) else last
    if last:
        paths = [last] + [
            path for path in paths
            if osp.abspath(path) != osp.abspath(last)
        ]
    return paths
