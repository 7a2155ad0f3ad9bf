"""Files that are whole, or not there."""
import logging
import os
import re
import socket
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local files, of which a reader never finds half of one.

    A file is written under another name, synchronised with the disk and then
    renamed, which a kill or a crash cannot divide. Directories are never
    removed. A config gets it with ``backend_args=dict(backend='atomic')``.
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
        try:
            write_whole(obj, filepath)
        except OSError as error:
            raise OSError(
                error.errno, f'{filepath} was not written ({error.strerror}); '
                'checkpoints saved before are whole. Make room and go on '
                'with --resume') from error

    def rmtree(self, dir_path: Union[str, Path]) -> None:
        """Leave a directory where it is.

        Args:
            dir_path (str or Path): The directory.
        """
        print_log(
            f'{dir_path} is a directory, and is not removed',
            logger='current',
            level=logging.WARNING)


def write_whole(content: bytes, path: Union[str, Path]) -> None:
    """Write all of a file, or nothing.

    Args:
        content (bytes): What is written.
        path (str or Path): Where to; a file that is there is replaced.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(
        f'.{path.name}.{os.getpid()}@{socket.gethostname()}.partial')
    try:
        with open(partial, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:  # an interruption leaves nothing either
        partial.unlink(missing_ok=True)
        raise


def remove_stale_partials(folder: Union[str, Path]) -> None:
    """Remove what processes of this host left when they were killed.

    Args:
        folder (str or Path): Where they wrote.
    """
    host = re.escape(socket.gethostname())
    for path in Path(folder).glob('.*.partial'):
        match = re.fullmatch(rf'\..+\.(\d+)@{host}\.partial', path.name)
        if match and not _is_at_work(int(match[1])):
            path.unlink(missing_ok=True)


def _is_at_work(pid: int) -> bool:
    """Whether another process of this number may be writing."""
    if pid == os.getpid():  # containers give the same numbers again
        return False
    if os.name == 'nt':  # where signal 0 ends a process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


register_backend('atomic', AtomicLocalBackend, force=True)
