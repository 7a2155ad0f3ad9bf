"""A file is whole or not there, and nothing else is left."""
import os
import socket
import subprocess
import sys

import pytest

from samix_mm.checkpoints.atomic_backend import (AtomicLocalBackend,
                                                 remove_stale_partials,
                                                 write_whole)

HOST = socket.gethostname()
KILLED_WHILE_WRITING = '''
import os, signal, sys
from samix_mm.checkpoints.atomic_backend import AtomicLocalBackend
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
AtomicLocalBackend().put(b'whole', sys.argv[1])
'''


@pytest.mark.parametrize('error', [
    KeyboardInterrupt, SystemExit, MemoryError, OSError(28, 'No space left')])
@pytest.mark.parametrize('at', ['fsync', 'replace'])
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, error, at):
    def interrupt(*args):
        raise error

    (tmp_path / 'file').write_bytes(b'old')
    monkeypatch.setattr(os, at, interrupt)
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind):
        AtomicLocalBackend().put(b'new', tmp_path / 'file')
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    assert (tmp_path / 'file').read_bytes() == b'old'


def test_what_a_killed_process_left_is_removed(tmp_path):
    path = str(tmp_path / 'epoch_1.pth')
    process = subprocess.run([sys.executable, '-c', KILLED_WHILE_WRITING,
                              path], timeout=120)
    assert process.returncode == -9
    left, = tmp_path.iterdir()
    assert left.name.endswith('.partial')
    remove_stale_partials(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_others_are_writing_is_left(tmp_path):
    living = os.getppid()
    names = [
        f'.epoch_1.pth.{living}@{HOST}.partial',
        f'.epoch_1.pth.{2**22 + 1}@elsewhere.partial',
        f'.epoch_1.pth.{2**22 + 1}@elsewhere.{HOST}.partial',
        f'epoch_1.pth.{2**22 + 1}@{HOST}.partial',
        '.notes.partial',
    ]
    for name in names:
        (tmp_path / name).write_bytes(b'')
    stale = [f'.epoch_2.pth.{pid}@{HOST}.partial'
             for pid in (os.getpid(), 2**22 + 1, 10**30)]
    for name in stale:
        (tmp_path / name).write_bytes(b'')
    remove_stale_partials(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_process_of_another_user_is_at_work(tmp_path, monkeypatch):
    def refuse(pid, number):
        raise PermissionError

    monkeypatch.setattr(os, 'kill', refuse)
    path = tmp_path / f'.epoch_1.pth.12345@{HOST}.partial'
    path.write_bytes(b'')
    remove_stale_partials(tmp_path)
    assert path.exists()


def test_where_there_is_no_folder():
    remove_stale_partials('no/such/folder')


def test_a_folder_is_never_removed(tmp_path):
    (tmp_path / 'folder').mkdir()
    AtomicLocalBackend().rmtree(tmp_path / 'folder')
    assert (tmp_path / 'folder').is_dir()


def test_a_file_is_written_into_a_new_folder(tmp_path):
    write_whole(b'whole', tmp_path / 'a' / 'b' / 'file')
    assert (tmp_path / 'a' / 'b' / 'file').read_bytes() == b'whole'
