"""Which files are checkpoints of a run.

A checkpoint names the best one before it, which MMEngine removes at the next
best, be it a file or a directory, wherever it is. Here such a name is taken
for a name only: the path is that of this run's own file.
"""
import logging
import os
import os.path as osp
import re
from string import Formatter
from typing import Any, List, Optional

from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log


class RunFiles:
    """The checkpoints of a run, by their folder and their names.

    Args:
        folder (str): Where they are; an URI for a store of objects.
        template (str): ``filename_tmpl`` of MMEngine's ``CheckpointHook``,
            such as 'epoch_{}.pth'.
    """

    def __init__(self, folder: str, template: str) -> None:
        self.folder = folder
        self.is_remote = '://' in folder
        self._subfolder = osp.dirname(template)
        number = ''.join(
            re.escape(text) + (r'(\d+)' if field is not None else '')
            for text, field, *_ in Formatter().parse(template))
        self._numbered = re.compile(number)
        # MMEngine writes _ for / in the names of best ones.
        self._best = re.compile('best_[^/]+_' + number.replace('/', '_'))

    @classmethod
    def of_hook(cls, hook: CheckpointHook, runner: Any) -> 'RunFiles':
        """What a hook will write, before ``before_train`` has run.

        Args:
            hook (CheckpointHook): MMEngine's, or one derived from it.
            runner (Runner): The runner.
        """
        folder = work_dir = runner.work_dir
        if hook.out_dir is not None and str(hook.out_dir) != work_dir:
            name = osp.basename(work_dir.rstrip(osp.sep))
            folder = osp.join(str(hook.out_dir), name)
        return cls(folder, hook.filename_tmpl)

    @classmethod
    def beside(cls, path: str) -> 'RunFiles':
        """Those that differ from one in the last number of its name.

        Args:
            path (str): Path of the one.
        """
        folder, name = osp.split(path)
        name = name.replace('{', '{{').replace('}', '}}')
        return cls(folder, re.sub(r'\d+(?=\D*$)', '{}', name))

    def numbered(self) -> List[str]:
        """Find the checkpoints, those with the greatest numbers first.

        Returns:
            List[str]: Their paths, best ones excluded.
        """
        folder = osp.join(self.folder, self._subfolder)
        real = osp.join(osp.realpath(self.folder), self._subfolder)
        try:
            names = os.listdir(real)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = []
        for name in names:
            path = osp.join(real, name)
            match = self._numbered.fullmatch(self._relative(path))
            if match and match.groups():
                found.append((int(match[1]), os.lstat(path).st_mtime,
                              osp.join(folder, name)))
        return [path for *_, path in sorted(found, reverse=True)]

    def own(self, path: str) -> bool:
        """Tell whether a path is that of one of the checkpoints.

        Args:
            path (str): The path, whose '..' and links are followed; at its
                end a link stands for itself.
        """
        if self.is_remote:
            folder = self.folder.rstrip('/') + '/'
            name = path[len(folder):] if path.startswith(folder) else ''
        else:
            folder, name = osp.split(path)
            name = self._relative(osp.join(osp.realpath(folder), name))
        return bool(
            self._numbered.fullmatch(name) or self._best.fullmatch(name))

    def _relative(self, path: str) -> str:
        """A path as templates have it."""
        path = osp.relpath(path, osp.realpath(self.folder))
        return path.replace(os.sep, '/')

    def best_of_that_name(self, path: Any) -> Optional[str]:
        """Find the best checkpoint that some path means.

        Args:
            path: What a file says, of this run or of another.

        Returns:
            str | None: The path in this run's folder; None if the name is
            another's, or no regular file is there.
        """
        name = osp.basename(path) if isinstance(path, str) else ''
        if not self._best.fullmatch(name):
            return None
        own = osp.join(self.folder, name)
        is_file = osp.isfile(own) and not osp.islink(own)
        return own if self.is_remote or is_file else None


def forget_best_of_others(hook: CheckpointHook, runner: Any,
                          checkpoint: dict) -> None:
    """Let a checkpoint name no best one but those of the run it goes on in.

    Args:
        hook (CheckpointHook): Whose best ones these are.
        runner (Runner): The runner.
        checkpoint (dict): What was loaded; its paths are replaced.
    """
    hub = checkpoint.get('message_hub')
    if not hook.save_best or not isinstance(hub, dict):
        return
    files = RunFiles.of_hook(hook, runner)
    info = hub.get('runtime_info', {})
    for name in [name for name in info if name.startswith('best_ckpt')]:
        said = info.pop(name)
        own = files.best_of_that_name(said)
        if own is not None:
            info[name] = own
        elif said is not None:
            print_log(
                f'{name} of the checkpoint, {said!r}, is no file of this run '
                f'in {files.folder}: it will not be removed at the next best',
                logger='current', level=logging.WARNING)
