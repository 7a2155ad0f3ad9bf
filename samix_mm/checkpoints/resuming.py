"""``--resume`` with the newest checkpoint that is whole.

MMEngine resumes from the file that ``last_checkpoint`` names, and stops with
a traceback if that one is damaged or gone. The function of its runner that
finds it is replaced when the package is imported.
"""
import codecs
import errno
import logging
import os
import os.path as osp
import re
import stat
from typing import List, Optional

import mmengine.runner._flexible_runner as flexible_runner
import mmengine.runner.runner as mmengine_runner
from mmengine.logging import print_log

from .errors import DamagedCheckpointError
from .readers import damage_of
from .run_files import RunFiles

#: What MMEngine's CheckpointHook names its files.
_TEMPLATES = ('epoch_{}.pth', 'iter_{}.pth')

#: What a path that leads nowhere gives.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)

#: The files in the directory of a sharded checkpoint: FSDP's, DeepSpeed's.
_SHARD = re.compile(r'rank\d+\.pth|.*\.pt')


def find_whole_checkpoint(work_dir: str) -> Optional[str]:
    """Find the newest whole checkpoint of a run, or say that it begins.

    Args:
        work_dir (str): Its directory.

    Returns:
        str | None: As :func:`newest_whole_checkpoint` finds it.
    """
    found = newest_whole_checkpoint(work_dir)
    if found is None:
        print_log(
            f'No checkpoint in {work_dir} was found: training starts from '
            'its beginning', logger='current', level=logging.WARNING)
    return found


def newest_whole_checkpoint(work_dir: str,
                            files: Optional[RunFiles] = None
                            ) -> Optional[str]:
    """Find the newest whole checkpoint of a run.

    Args:
        work_dir (str): Its directory.
        files (RunFiles, optional): What its ``CheckpointHook`` writes, if
            that is known. Files named as by default, and those beside the
            last one, are found without.

    Returns:
        str | None: The one that ``last_checkpoint`` names, if it is whole, or
        else the one with the greatest number of the others. Of names that
        count different things those come first of which a file was written
        last. None if nothing of a run is there. What is in a store of
        objects is not examined.

    Raises:
        OSError: If a file may not be read.
        DamagedCheckpointError: If files are there, and none is whole.
    """
    pointer = osp.join(work_dir, 'last_checkpoint')
    last = _read_pointer(pointer)
    if last is not None and '://' in last:
        return last
    kinds = [RunFiles(work_dir, template) for template in _TEMPLATES]
    if files is not None and not files.is_remote:
        kinds.append(files)
    if last:
        last = _moved(last, work_dir)
        if osp.isdir(osp.dirname(last) or os.curdir):
            kinds.append(RunFiles.beside(last))
    candidates = _in_order(kinds, last)
    for path in candidates:
        damage = _damage_of(path)
        if damage is None:
            return path
        print_log(
            f'{path} is not resumed from: {damage}'.encode(
                errors='backslashreplace').decode(),
            logger='current', level=logging.WARNING)
    if candidates or last is not None:
        names = ', '.join(map(ascii, candidates[:4])) or pointer
        raise DamagedCheckpointError(
            f'{work_dir} has files of a training, {names}, but no whole '
            'checkpoint, and nothing is trained over them: bring one back, '
            'or remove them, or choose another --work-dir')
    return None


def resume_from_whole_checkpoints() -> None:
    """Let MMEngine's runners resume from whole checkpoints."""
    for module in (mmengine_runner, flexible_runner):
        module.find_latest_checkpoint = find_whole_checkpoint


def _read_pointer(path: str) -> Optional[str]:
    """What ``last_checkpoint`` says, whatever was written into it."""
    try:
        with open(path, 'rb') as file:
            content = file.read(1 << 16)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        return ''
    except OSError as error:
        raise _unreadable(path, error) from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode('utf-16', 'replace')
    else:
        # The names of files are bytes, of whatever encoding.
        text = content.decode('utf-8', 'surrogateescape')
    text = text.strip('\ufeff\0 \t\r\n')
    return '' if '\0' in text else text


def _moved(path: str, work_dir: str) -> str:
    """The path itself, or where it is now that its directory was moved, or
    its run is started from elsewhere."""
    if osp.exists(path) or not osp.basename(path):
        return path
    moved = osp.join(work_dir, osp.basename(path))
    return moved if osp.exists(moved) else path


def _in_order(kinds: List[RunFiles], last: Optional[str]) -> List[str]:
    """All checkpoints, those to be tried first at the beginning."""
    try:
        groups = [kind.numbered() for kind in kinds]
    except OSError as error:
        raise _unreadable(error.filename or last, error) from error
    groups = [group for group in groups if group]
    groups.sort(
        key=lambda group: max(os.lstat(path).st_mtime for path in group),
        reverse=True)
    paths = ([last] if last else []) + sum(groups, [])
    unique = {}
    for path in paths:
        unique.setdefault(osp.abspath(path), path)
    return list(unique.values())


def _damage_of(path: str) -> Optional[str]:
    """What is wrong with a checkpoint, in one file or in a directory."""
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            return damage_of(path)
        parts = list(filter(_SHARD.fullmatch, os.listdir(path)))
    except OSError as error:
        if error.errno in _NOT_THERE:
            return 'there is no such file'
        raise _unreadable(path, error) from error
    except UnicodeEncodeError:
        return 'there is no such file'
    if not parts:
        return 'it is a directory without the parts of a checkpoint'
    damages = (_damage_of(osp.join(path, part)) for part in parts)
    return next(filter(None, damages), None)


def _unreadable(path: str, error: OSError) -> OSError:
    """The same error, with what to do."""
    return OSError(
        error.errno, f'{path} may not be read ({error.strerror}), and '
        'nothing is trained over it: make it readable, or choose another '
        '--work-dir')
