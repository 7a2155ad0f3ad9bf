"""A run is resumed from the newest checkpoint that is whole."""
import errno
import logging
import os

import pytest
import torch

from samix_mm.checkpoints.archive import damage_of
from samix_mm.checkpoints.atomic_backend import AtomicLocalBackend
from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          load_checkpoint)
from samix_mm.checkpoints.resuming import find_whole_checkpoint
from tests.helpers.tiny import make_runner

SAFE = dict(
    checkpoint=dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=2))


@pytest.fixture
def warnings(monkeypatch):
    said = []

    def record(message, logger=None, level=logging.INFO):
        if level == logging.WARNING:
            said.append(message)

    monkeypatch.setattr('samix_mm.checkpoints.resuming.print_log', record)
    return said


def train(folder, **kwargs):
    runner = make_runner(folder, **{**dict(default_hooks=SAFE), **kwargs})
    runner.train()
    return runner


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])


def corrupt(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle:middle + 64] = bytes(
        255 - byte for byte in content[middle:middle + 64])
    path.write_bytes(bytes(content))


@pytest.mark.parametrize('damage, reason', [
    (cut, 'cut off'),
    (corrupt, 'corrupted'),
    (os.remove, 'no such file'),
    (lambda path: path.write_bytes(b''), 'cut off'),
    (lambda path: path.write_bytes(b'\0' * 5000), 'cut off'),
])
def test_resume_falls_back_to_the_newest_whole_one(
        tmp_path, warnings, damage, reason):
    train(tmp_path, max_epochs=2)
    damage(tmp_path / 'epoch_2.pth')
    found = find_whole_checkpoint(str(tmp_path))
    assert found == str(tmp_path / 'epoch_1.pth')
    assert 'epoch_2.pth is not resumed from' in warnings[0]
    assert reason in warnings[0]
    resumed = train(tmp_path, max_epochs=3, resume=True)
    assert resumed.epoch == 3
    assert damage_of(str(tmp_path / 'epoch_3.pth')) is None


def test_an_empty_pointer(tmp_path):
    """What a kill while ``last_checkpoint`` is written leaves."""
    train(tmp_path, max_epochs=2)
    (tmp_path / 'last_checkpoint').write_text('')
    assert find_whole_checkpoint(str(tmp_path)).endswith('epoch_2.pth')


def test_a_directory_that_was_moved(tmp_path):
    train(tmp_path / 'before', max_epochs=1)
    (tmp_path / 'before').rename(tmp_path / 'after')
    found = find_whole_checkpoint(str(tmp_path / 'after'))
    assert found == str(tmp_path / 'after' / 'epoch_1.pth')


def test_nothing_whole_starts_from_the_beginning_and_says_so(
        tmp_path, warnings):
    train(tmp_path, max_epochs=1)
    cut(tmp_path / 'epoch_1.pth')
    resumed = train(tmp_path, max_epochs=1, resume=True)
    assert resumed.epoch == 1
    assert any('training starts from its beginning' in said
               for said in warnings)
    assert find_whole_checkpoint(str(tmp_path / 'empty')) is None


def test_a_damaged_file_by_name_is_an_error_with_a_way_out(tmp_path):
    train(tmp_path, max_epochs=1)
    cut(tmp_path / 'epoch_1.pth')
    with pytest.raises(DamagedCheckpointError, match='--resume alone'):
        load_checkpoint(str(tmp_path / 'epoch_1.pth'))


def full_disk(monkeypatch, after):
    """Let the disk be full after so many whole files."""
    fsync, written = os.fsync, []

    def fail(descriptor):
        if len(written) == after:
            raise OSError(errno.ENOSPC, 'No space left on device')
        written.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr('samix_mm.checkpoints.atomic_backend.os.fsync', fail)


def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path, monkeypatch):
    full_disk(monkeypatch, after=2)
    hooks = dict(checkpoint=dict(SAFE['checkpoint'], max_keep_ckpts=1))
    with pytest.raises(OSError, match='Make room and go on with --resume'):
        train(tmp_path, max_epochs=3, default_hooks=hooks)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_2.pth']
    assert not list(tmp_path.glob('.*partial'))
    monkeypatch.undo()
    assert train(tmp_path, max_epochs=3, resume=True).epoch == 3


def test_a_file_is_never_half_itself(tmp_path, monkeypatch):
    backend, path = AtomicLocalBackend(), tmp_path / 'folder' / 'file'
    backend.put(b'old', path)
    full_disk(monkeypatch, after=0)
    with pytest.raises(OSError):
        backend.put(b'new and longer', path)
    assert path.read_bytes() == b'old'
    assert [found.name for found in path.parent.iterdir()] == ['file']


@pytest.mark.parametrize('keep', [1, 2])
def test_outdated_files_go_when_the_new_one_is_there(tmp_path, keep):
    runner = train(
        tmp_path, max_epochs=4,
        default_hooks=dict(
            checkpoint=dict(SAFE['checkpoint'], max_keep_ckpts=keep)))
    names = {path.name for path in tmp_path.glob('*.pth')}
    assert names == {f'epoch_{4 - age}.pth' for age in range(keep)}
    hook, = (hook for hook in runner.hooks
             if type(hook).__name__ == 'SafeCheckpointHook')
    assert isinstance(hook.file_backend, AtomicLocalBackend)
    state = torch.load(tmp_path / 'epoch_4.pth', weights_only=True)
    assert state['meta']['epoch'] == 4
