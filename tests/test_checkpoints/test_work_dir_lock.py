"""Two processes do not train in one directory."""
import errno
import gc
import logging
import subprocess
import sys
import time

import pytest

from samix_mm.checkpoints import work_dir_lock
from samix_mm.checkpoints.work_dir_lock import WorkDirInUseError, lock_folder

pytest.importorskip('fcntl')

# The worker, as those of a data loader, outlives a kill of its parent.
HOLD = '''
import os, sys, time
from samix_mm.checkpoints.work_dir_lock import lock_folder
lock = lock_folder(sys.argv[1])
worker = os.fork()
if not worker:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(worker, flush=True)
time.sleep(60)
'''


@pytest.fixture
def holder(tmp_path):
    """Another process that has the directory, and its worker's number."""
    process = subprocess.Popen([sys.executable, '-c', HOLD, str(tmp_path)],
                               stdout=subprocess.PIPE, text=True)
    worker = int(process.stdout.readline())
    yield process
    process.kill()
    process.communicate()
    subprocess.run(['kill', '-9', str(worker)])


def test_the_second_process_is_told_who_has_it(tmp_path, holder):
    with pytest.raises(WorkDirInUseError) as caught:
        lock_folder(str(tmp_path))
    said = str(caught.value)
    assert f'process {holder.pid} on ' in said
    assert time.strftime('since %Y-') in said
    assert 'choose another --work-dir' in said
    assert lock_folder(str(tmp_path / 'other'))


def test_a_kill_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert lock_folder(str(tmp_path))  # at once, though the worker lives


def test_a_process_may_train_again(tmp_path):
    """As in a notebook, where training has stopped with an error."""
    (tmp_path / 'run').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'run')
    first = lock_folder(str(tmp_path / 'run'))
    assert lock_folder(str(tmp_path / 'link')) is first


def test_a_lock_goes_with_its_object(tmp_path):
    lock = lock_folder(str(tmp_path))
    del lock
    gc.collect()
    check = ('import sys; from samix_mm.checkpoints.work_dir_lock import '
             'lock_folder; lock_folder(sys.argv[1])')
    subprocess.run([sys.executable, '-c', check, str(tmp_path)], check=True,
                   timeout=120)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, 'No locks available')

    said = []
    monkeypatch.setattr(work_dir_lock.fcntl, 'lockf', refuse)
    monkeypatch.setattr(work_dir_lock, 'print_log',
                        lambda text, **kwargs: said.append((text, kwargs)))
    assert lock_folder(str(tmp_path))
    assert 'No locks available' in said[0][0]
    assert said[0][1]['level'] == logging.WARNING


def test_where_there_is_no_such_module(tmp_path, monkeypatch):
    monkeypatch.setattr(work_dir_lock, 'fcntl', None)
    assert lock_folder(str(tmp_path)) is None
