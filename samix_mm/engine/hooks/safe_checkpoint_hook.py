from typing import Any, List, Optional

from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's hook, with a whole checkpoint on the disk at any moment.

    ``CheckpointHook`` removes the outdated file before it writes the new one,
    and writes it in place: a run that is killed in between, or whose disk is
    full, has none. Here a file gets its name when all of it is on the disk
    (:class:`~samix_mm.checkpoints.AtomicLocalBackend`), and the outdated
    one goes afterwards.

    Args:
        **kwargs: Arguments of ``CheckpointHook``. ``backend_args`` defaults
            to ``dict(backend='atomic')``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get('backend_args') is None:
            kwargs['backend_args'] = dict(backend='atomic')
        super().__init__(*args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Find the backend, and make it wait with removals."""
        super().before_train(runner)
        self.file_backend = _LateRemoval(self.file_backend)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self.file_backend.remove_now()

    def after_train(self, runner: Runner) -> None:
        """Finish, and leave the backend as it was."""
        super().after_train(runner)
        self.file_backend.remove_now()
        self.file_backend = self.file_backend.backend


class _LateRemoval:
    """A file backend that removes files when it is told to."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self._outdated: List[str] = []

    def remove(self, filepath: str) -> None:
        self._outdated.append(filepath)

    def remove_now(self, keep: Optional[str] = None) -> None:
        outdated, self._outdated = self._outdated, []
        for filepath in outdated:
            if self.backend.isfile(filepath):
                self.backend.remove(filepath)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)
