"""The files of a run: whole, its own, and nobody else's."""
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.fileio import LocalBackend
from mmengine.fileio.backends import prefix_to_backends
from mmengine.fileio.file_client import FileClient
from mmengine.hooks import Hook

from samix_mm.checkpoints.atomic_backend import AtomicLocalBackend
from samix_mm.checkpoints.run_files import RunFiles
from samix_mm.checkpoints.work_dir_lock import WorkDirInUseError
from samix_mm.engine import SafeCheckpointHook
from samix_mm.engine.hooks.safe_checkpoint_hook import _LateRemoval
from tests.helpers.tiny import make_runner

# Trains until it is killed, in the middle of a file where it is told so.
TRAIN = '''
import os, signal, sys, time
from tests.helpers.tiny import make_runner
from mmengine.hooks import Hook

class Wait(Hook):
    def before_train_epoch(self, runner):
        if runner.epoch == 1:
            print('training', flush=True)
            time.sleep(60)

if len(sys.argv) > 2:
    write = os.fsync
    def fsync(descriptor):
        if os.path.exists(os.path.join(sys.argv[1], 'epoch_1.pth')):
            os.kill(os.getpid(), signal.SIGKILL)
        write(descriptor)
    os.fsync = fsync
make_runner(sys.argv[1], max_epochs=2, hooks=[
    dict(type='EMAMomentumHook'), *([] if len(sys.argv) > 2 else [Wait()])],
    default_hooks=dict(checkpoint=dict(type='SafeCheckpointHook', interval=1),
                       plain=dict(type='PlainCheckpointHook'))).train()
'''


def train(folder, max_epochs=2, hooks=(), **hook):
    runner = make_runner(
        folder,
        max_epochs=max_epochs,
        resume=True,
        hooks=[dict(type='EMAMomentumHook'), *hooks],
        default_hooks=dict(
            checkpoint=dict(
                dict(type='SafeCheckpointHook', interval=1), **hook),
            plain=dict(type='PlainCheckpointHook')))
    runner.train()
    return runner


def test_a_second_training_is_told_of_the_first(tmp_path):
    first = subprocess.Popen([sys.executable, '-c', TRAIN, str(tmp_path)],
                             stdout=subprocess.PIPE, text=True)
    try:
        for line in first.stdout:  # the log may come before
            if line.startswith('training'):
                break
        before = {path.name for path in tmp_path.iterdir() if path.is_file()}
        assert 'epoch_1.pth' in before
        with pytest.raises(WorkDirInUseError, match=f'process {first.pid} '):
            train(tmp_path)
        assert before <= {path.name for path in tmp_path.iterdir()}
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    assert train(tmp_path).epoch == 2  # at once


def test_testing_is_not_training(tmp_path, monkeypatch):
    """A run may be evaluated while it goes on."""
    monkeypatch.setattr(
        'samix_mm.engine.hooks.safe_checkpoint_hook.lock_folder',
        lambda folder: pytest.fail('locked'))
    hook = SafeCheckpointHook()
    runner = make_runner(tmp_path)
    runner.register_hook(hook)
    runner.call_hook('before_run')


def test_a_kill_while_writing_leaves_nothing_for_ever(tmp_path):
    killed = subprocess.run(
        [sys.executable, '-c', TRAIN, str(tmp_path), 'kill'], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob('.*.partial'))) == 1
    others = tmp_path / '.epoch_2.pth.7@elsewhere.partial'
    others.write_bytes(b'')
    assert train(tmp_path).epoch == 2
    assert list(tmp_path.glob('.*.partial')) == [others]


def test_two_runs_of_one_name_share_no_out_dir(tmp_path, monkeypatch):
    """MMEngine puts the files of a/run and b/run into one folder."""
    locked = set()
    monkeypatch.setattr(
        'samix_mm.engine.hooks.safe_checkpoint_hook.lock_folder', locked.add)
    train(tmp_path / 'a' / 'run', out_dir=str(tmp_path / 'out'))
    assert locked == {str(tmp_path / 'a' / 'run'),
                      str(tmp_path / 'out' / 'run')}


def test_other_ranks_do_not_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(
        'samix_mm.engine.hooks.safe_checkpoint_hook.is_main_process',
        lambda: False)
    monkeypatch.setattr(
        'samix_mm.engine.hooks.safe_checkpoint_hook.lock_folder',
        lambda folder: pytest.fail('locked'))
    train(tmp_path, max_epochs=1)


def test_the_log_names_the_backend(tmp_path):
    runner = make_runner(
        tmp_path, max_epochs=1, log_level='INFO',
        default_hooks=dict(checkpoint=dict(type='SafeCheckpointHook')))
    said = []
    runner.logger.addHandler(Keep(said))
    runner.train()
    assert 'Checkpoints are written by AtomicLocalBackend.' in said


class Keep(logging.Handler):

    def __init__(self, said):
        super().__init__()
        self.said = said

    def emit(self, record):
        self.said.append(record.getMessage())


def test_only_own_files_are_removed(tmp_path):
    run = tmp_path / 'run'
    (run / 'epoch_3.pth').mkdir(parents=True)
    for path in (run / 'epoch_1.pth', run / 'notes.txt',
                 tmp_path / 'epoch_1.pth', run / 'best_a_epoch_1.pth'):
        path.write_bytes(b'')
    backend = _LateRemoval(AtomicLocalBackend(),
                           RunFiles(str(run), 'epoch_{}.pth'))
    own = {str(run / 'epoch_1.pth'), str(run / 'best_a_epoch_1.pth')}
    paths = [str(path) for path in tmp_path.rglob('*')]
    for path in [*paths, str(run / '..' / 'epoch_1.pth')]:
        assert backend.isfile(path) == (path in own)
        assert not backend.isdir(path)
        backend.remove(path)
        backend.rmtree(path)
    assert len(list(tmp_path.rglob('*'))) == len(paths)
    backend.remove_now()
    assert {str(path) for path in tmp_path.rglob('*')} == set(paths) - own


class Bucket(LocalBackend):
    """Objects of a store."""
    objects: dict = {}

    def join_path(self, path, *paths):
        return '/'.join([path.rstrip('/'), *paths])

    def put(self, obj, filepath):
        self.objects[filepath] = obj

    def get(self, filepath):
        return self.objects[filepath]

    def isfile(self, filepath):
        return filepath in self.objects

    def remove(self, filepath):
        del self.objects[filepath]


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setattr(Bucket, 'objects', {})
    monkeypatch.setitem(prefix_to_backends, 's3', Bucket)
    monkeypatch.setitem(FileClient._prefix_to_backends, 's3', Bucket)
    return Bucket.objects


def test_a_store_is_written_by_its_own_backend(tmp_path, monkeypatch, bucket):
    monkeypatch.chdir(tmp_path)
    bucket['s3://bucket/other/epoch_1.pth'] = b''
    train(tmp_path / 'run', max_epochs=3, max_keep_ckpts=1,
          out_dir='s3://bucket')
    assert set(bucket) == {'s3://bucket/run/epoch_3.pth',
                           's3://bucket/other/epoch_1.pth'}
    assert not list(tmp_path.glob('s3:*'))
    assert not list((tmp_path / 'run').glob('*.pth'))
    assert (tmp_path / 'run' / 'last_checkpoint').read_text() == \
        's3://bucket/run/epoch_3.pth'


@pytest.mark.parametrize('given', [
    dict(backend_args=dict(backend='atomic')),
    dict(backend_args=dict(backend='local')),
    dict(file_client_args=dict(backend='disk'))])
def test_a_backend_of_local_files_for_a_store(given):
    with pytest.raises(ValueError, match='leave the backend out'):
        SafeCheckpointHook(out_dir='s3://bucket', **given)


def test_the_backend_of_a_config_is_kept():
    given = SafeCheckpointHook(backend_args=dict(backend='petrel'))
    assert given.backend_args == dict(backend='petrel')
    old = SafeCheckpointHook(file_client_args=dict(backend='disk'))
    assert old.backend_args is None
    assert SafeCheckpointHook(
        out_dir=Path('out')).backend_args == dict(backend='atomic')


def test_an_interruption_of_a_training_leaves_no_partial(
        tmp_path, monkeypatch):
    fsync = os.fsync

    class Interrupt(Hook):

        def before_train_epoch(self, runner):
            if runner.epoch == 1:
                def stop(_):
                    raise KeyboardInterrupt
                monkeypatch.setattr(os, 'fsync', stop)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, hooks=[Interrupt()])
    assert not list(tmp_path.glob('.*.partial'))
    monkeypatch.setattr(os, 'fsync', fsync)
    assert train(tmp_path).epoch == 2
