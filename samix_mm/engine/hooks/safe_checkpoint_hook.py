from typing import Any, List

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...checkpoints.atomic_backend import remove_stale_partials
from ...checkpoints.resuming import newest_whole_checkpoint
from ...checkpoints.run_files import RunFiles
from ...checkpoints.work_dir_lock import lock_folder
from ...registry import HOOKS
from ...utils.unwrapping import unwrap


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's hook, with a whole checkpoint on the disk at any moment.

    ``CheckpointHook`` removes the outdated file before it writes the new one,
    and writes it in place: a run that is killed in between, or whose disk is
    full, has none. Here a file gets its name when all of it is on the disk
    (:class:`~samix_mm.checkpoints.AtomicLocalBackend`), and the outdated
    one goes afterwards. Nothing is removed but files of this run, by folder
    and name, and a second training in the same ``work_dir`` is refused.

    With ``out_dir`` in a store of objects ('s3://...') MMEngine's backend
    for it is used. An object is there when all of it was uploaded; older
    ones than the last are not looked for when a run is resumed.

    Args:
        **kwargs: Arguments of ``CheckpointHook``. ``backend_args`` defaults
            to ``dict(backend='atomic')`` for local files.

    Raises:
        ValueError: If a backend of local files is to write to a store.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_remote = '://' in str(self.out_dir)
        given = self.backend_args or self.file_client_args or {}
        if is_remote and given.get('backend') in ('atomic', 'local', 'disk'):
            raise ValueError(
                f'out_dir={self.out_dir!r} is no directory, which '
                f'backend={given["backend"]!r} needs; leave the backend out, '
                'and the one of the scheme is used')
        if not given and not is_remote:
            self.backend_args = dict(backend='atomic')

    def before_run(self, runner: Runner) -> None:
        """Find what is resumed from where this hook writes it."""
        if (runner._resume is True and runner._load_from is None
                and not runner._has_loaded):
            # MMEngine would only look into the work_dir.
            runner._load_from = newest_whole_checkpoint(
                runner.work_dir, RunFiles.of_hook(self, runner))

    def before_train(self, runner: Runner) -> None:
        """Lock the run's folders, and find the backend.

        Raises:
            WorkDirInUseError: If another process is training there.
        """
        files = RunFiles.of_hook(self, runner)
        if is_main_process():
            # before anything is removed
            folders = {runner.work_dir, files.folder}
            self._locks = [lock_folder(folder) for folder in folders
                           if '://' not in folder]
            remove_stale_partials(files.folder)
        super().before_train(runner)
        runner.logger.info('Checkpoints are written by '
                           f'{type(self.file_backend).__name__}.')
        self.file_backend = _LateRemoval(self.file_backend, files)

    def _save_checkpoint(self, runner: Runner) -> None:
        if not _was_skipped(runner):
            super()._save_checkpoint(runner)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not _was_skipped(runner):
            super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self.file_backend.remove_now()

    def after_train(self, runner: Runner) -> None:
        """Finish, and leave the backend as it was."""
        super().after_train(runner)
        self.file_backend.remove_now()
        self.file_backend = self.file_backend.backend
        self._locks = []


def _was_skipped(runner: Runner) -> bool:
    """Whether the last training step was skipped, as a model with a guarded
    step says: as long as that goes on, good checkpoints must not go."""
    skipped = getattr(unwrap(runner.model), 'skipped_steps', 0)
    if skipped:
        runner.logger.warning(
            f'No checkpoint is saved here: the last {skipped} training steps '
            'were skipped, and the older checkpoints stay')
    return bool(skipped)


class _LateRemoval:
    """A file backend that removes a run's own files when it is told to."""

    def __init__(self, backend: Any, files: RunFiles) -> None:
        self.backend = backend
        self._files = files
        self._outdated: List[str] = []

    # MMEngine asks these two only of what it is about to remove.
    def isfile(self, filepath: str) -> bool:
        return self._files.own(filepath) and self.backend.isfile(filepath)

    def isdir(self, filepath: str) -> bool:
        return False

    def remove(self, filepath: str) -> None:
        self._outdated.append(filepath)

    def remove_now(self) -> None:
        outdated, self._outdated = self._outdated, []
        for filepath in outdated:
            if self.isfile(filepath):
                self.backend.remove(filepath)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)
