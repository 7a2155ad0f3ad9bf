import os
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local files, of which a reader never finds half of one.

    A file is written under another name, synchronised with the disk and then
    renamed, which a kill or a crash cannot divide. A config gets it with
    ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Write a file.

        Args:
            obj (bytes): Its content.
            filepath (str or Path): Its path; what was there is replaced.

        Raises:
            OSError: If it cannot be written, the disk being full, say. What
                was there before is left as it was.
        """
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
        try:
            with open(partial, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OSError(
                error.errno, f'{path} was not written ({error.strerror}); '
                'checkpoints saved before are whole. Make room and go on '
                'with --resume') from error


register_backend('atomic', AtomicLocalBackend, force=True)
