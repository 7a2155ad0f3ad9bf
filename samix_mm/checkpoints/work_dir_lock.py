"""One training at a time in a directory.

The lock is a record lock of POSIX: the kernel takes it back when the process
ends, however it ends, forked data-loader workers do not inherit it, and NFS
has it. Where there is none (Windows, some file systems), nothing is locked.
"""
import errno
import logging
import os
import os.path as osp
import socket
import time
import weakref
from typing import MutableMapping

from mmengine.logging import print_log

try:
    import fcntl
except ImportError:
    fcntl = None

#: Left behind; what counts is the lock on it.
LOCK_NAME = '.training.lock'


class WorkDirInUseError(RuntimeError):
    """Another process is training in the directory."""


class WorkDirLock:
    """A directory that is this process's until the object goes.

    Args:
        folder (str): The directory.

    Raises:
        WorkDirInUseError: If another process has it.
    """

    def __init__(self, folder: str) -> None:
        descriptor = os.open(
            osp.join(folder, LOCK_NAME), os.O_RDWR | os.O_CREAT, 0o666)
        weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                holder = os.read(descriptor, 1000).decode(errors='replace')
                raise WorkDirInUseError(
                    f'{folder} is being trained in by '
                    f'{holder.strip() or "another process"}: end that '
                    'process, or choose another --work-dir') from None
            print_log(
                f'{folder} cannot be locked ({error.strerror}): see to it '
                'yourself that no other training writes there',
                logger='current',
                level=logging.WARNING)
            return
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, f'process {os.getpid()} on {socket.gethostname()}, '
            f'since {time.strftime("%Y-%m-%d %H:%M:%S")}\n'.encode())


#: The locks of this process: closing a second descriptor of a file would
#: give up the lock of the first.
_LOCKS: MutableMapping[str, WorkDirLock] = weakref.WeakValueDictionary()


def lock_folder(folder: str) -> object:
    """Keep other processes from training in a directory.

    Args:
        folder (str): The directory, made if it is not there.

    Returns:
        object: To be held as long as the directory is needed.

    Raises:
        WorkDirInUseError: If another process is training there.
    """
    if fcntl is None:
        return None
    os.makedirs(folder, exist_ok=True)
    folder = osp.realpath(folder)
    lock = _LOCKS.get(folder) or WorkDirLock(folder)
    _LOCKS[folder] = lock
    return lock
