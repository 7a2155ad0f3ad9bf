"""A run is resumed from the newest checkpoint that is whole."""
import builtins
import errno
import io
import logging
import os
import re

import pytest
import torch
from mmengine.hooks import Hook

from samix_mm.checkpoints.atomic_backend import AtomicLocalBackend
from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          load_checkpoint)
from samix_mm.checkpoints.readers import damage_of
from samix_mm.checkpoints.resuming import find_whole_checkpoint
from tests.helpers.tiny import loader, make_runner

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


def test_nothing_there_starts_from_the_beginning_and_says_so(
        tmp_path, warnings):
    assert train(tmp_path, max_epochs=1, resume=True).epoch == 1
    assert find_whole_checkpoint(str(tmp_path / 'empty')) is None
    assert len(warnings) == 2
    assert all('training starts from its beginning' in said
               for said in warnings)


def only_pointer(folder):
    (folder / 'epoch_1.pth').unlink()


def only_files(folder):
    (folder / 'last_checkpoint').unlink()
    cut(folder / 'epoch_1.pth')


def pointer_that_is_empty(folder):
    (folder / 'epoch_1.pth').unlink()
    (folder / 'last_checkpoint').write_text('')


def folder_without_parts(folder):
    (folder / 'last_checkpoint').unlink()
    (folder / 'epoch_1.pth').unlink()
    (folder / 'epoch_1.pth').mkdir()


@pytest.mark.parametrize('hook', ['SafeCheckpointHook', 'CheckpointHook'])
@pytest.mark.parametrize('damage', [
    only_pointer, only_files, pointer_that_is_empty, folder_without_parts])
def test_nothing_is_trained_over_files_of_a_run(tmp_path, damage, hook):
    train(tmp_path, max_epochs=1)
    damage(tmp_path)
    left = contents(tmp_path)
    hooks = dict(checkpoint=dict(type=hook, interval=1))
    with pytest.raises(DamagedCheckpointError, match='remove them, or choose'):
        train(tmp_path, max_epochs=1, resume=True, default_hooks=hooks)
    assert contents(tmp_path) == left


def contents(folder):
    return {path.name: path.is_file() and path.read_bytes()
            for path in [*folder.glob('*.pth'), folder / 'last_checkpoint']}


@pytest.mark.parametrize('code', [
    errno.EACCES, errno.EIO, errno.ESTALE, errno.EPERM])
@pytest.mark.parametrize('at', ['open', 'read'])
@pytest.mark.parametrize('name', ['epoch_2.pth', 'last_checkpoint'])
def test_what_may_not_be_read_is_an_error(
        tmp_path, monkeypatch, code, at, name):
    """Tests run as root, who may read all: the system is played."""
    if name == 'last_checkpoint' and at == 'read':
        at = 'open'
    train(tmp_path, max_epochs=2)
    left = contents(tmp_path)
    refuse(monkeypatch, tmp_path / name, code, at)
    with pytest.raises(OSError, match='read') as caught:
        train(tmp_path, max_epochs=3, resume=True)
    assert caught.value.errno == code
    assert 'cut off' not in str(caught.value)
    assert '--work-dir' in str(caught.value)
    monkeypatch.undo()
    assert contents(tmp_path) == left


def refuse(monkeypatch, path, code, at):
    """Let a file be there that cannot be opened, or not be read to its
    end."""
    real, error = io.open, OSError(code, os.strerror(code))

    class Failing(io.FileIO):
        limit = 20_000

        def readinto(self, buffer):
            if self.tell() + len(buffer) > self.limit:
                raise error
            return super().readinto(buffer)

        def readall(self):
            raise error

    def fail(file, mode='r', *args, **kwargs):
        if isinstance(file, (str, os.PathLike)) and os.path.realpath(
                file) == str(path):
            if at == 'open':
                raise error
            return io.BufferedReader(Failing(str(path)), 4096)
        return real(file, mode, *args, **kwargs)

    for module in (builtins, io):
        monkeypatch.setattr(module, 'open', fail)


@pytest.mark.parametrize('hook', ['SafeCheckpointHook', 'CheckpointHook'])
@pytest.mark.parametrize('where', [
    dict(out_dir='out'), dict(filename_tmpl='ckpt-{:03d}-of-run.pth'),
    dict(out_dir='out', filename_tmpl='{}_{{x}}.pth')])
def test_older_ones_are_found_wherever_they_are(tmp_path, hook, where):
    where = dict(where)
    if 'out_dir' in where:
        where['out_dir'] = str(tmp_path / where['out_dir'])
    hooks = dict(checkpoint=dict(type=hook, interval=1, **where),
                 plain=dict(type='PlainCheckpointHook'))
    run = tmp_path / 'run'
    train(run, max_epochs=11, default_hooks=hooks,
          train_dataloader=loader(num_images=3))
    saved = sorted((tmp_path / 'out' / 'run').glob('*.pth')
                   if 'out_dir' in where else run.glob('*.pth'),
                   key=lambda path: int(re.search(r'\d+', path.name)[0]))
    assert len(saved) == 11
    cut(saved[-1])
    assert find_whole_checkpoint(str(run)) == str(saved[-2])
    cut(saved[-2])
    resumed = train(run, max_epochs=12, default_hooks=hooks, resume=True,
                    train_dataloader=loader(num_images=3))
    assert resumed.epoch == 12
    assert resumed.iter == 12
    assert damage_of(str(saved[-1])) is None


def test_the_hook_knows_where_without_the_pointer(tmp_path):
    hooks = dict(checkpoint=dict(
        type='SafeCheckpointHook', interval=1, out_dir=str(tmp_path / 'out'),
        filename_tmpl='my{}.pth'), plain=dict(type='PlainCheckpointHook'))
    train(tmp_path / 'run', max_epochs=2, default_hooks=hooks)
    (tmp_path / 'run' / 'last_checkpoint').write_text('')
    starts = []

    class Starts(Hook):

        def before_train(self, runner):
            starts.append(runner.epoch)

    train(tmp_path / 'run', max_epochs=3, default_hooks=hooks, resume=True,
          hooks=[dict(type='EMAMomentumHook'), Starts()])
    assert starts == [2]


POINTERS = {
    'utf-16': lambda path: str(path).encode('utf-16'),
    'utf-16 without a mark': lambda path: str(path).encode('utf-16-le'),
    'utf-8 with a mark': lambda path: str(path).encode('utf-8-sig'),
    'latin-1': lambda path: str(path.parent / 'pérdu.pth').encode('latin-1'),
    'with NULs': lambda path: bytes(path) + b'\0' * 4000,
    'of NULs': lambda path: b'\0' * 4096,
    'a NUL within': lambda path: b'a\0b',
    'empty': lambda path: b'',
    'too long': lambda path: b'a/' * 9000,
    'half': lambda path: bytes(path)[:-5],
    'its folder': lambda path: bytes(path.parent),
    'bytes': lambda path: bytes(range(256)),
    'through a file': lambda path: bytes(path / 'x'),
}


@pytest.mark.parametrize('name', POINTERS)
def test_a_pointer_of_any_bytes(tmp_path, name):
    train(tmp_path, max_epochs=2)
    (tmp_path / 'last_checkpoint').write_bytes(
        POINTERS[name](tmp_path / 'epoch_2.pth'))
    assert find_whole_checkpoint(str(tmp_path)) == str(
        tmp_path / 'epoch_2.pth')


def test_a_pointer_that_names_bytes_of_latin_1(tmp_path):
    train(tmp_path, max_epochs=1)
    path = os.path.join(os.fsencode(tmp_path), 'p\xe9.pth'.encode('latin-1'))
    os.rename(tmp_path / 'epoch_1.pth', path)
    (tmp_path / 'last_checkpoint').write_bytes(path)
    assert os.fsencode(find_whole_checkpoint(str(tmp_path))) == path


def pointer_is_a_folder(run):
    (run / 'last_checkpoint').unlink()
    (run / 'last_checkpoint').mkdir()


def dangling_link(run):
    (run / 'epoch_2.pth').unlink()
    (run / 'epoch_2.pth').symlink_to(run / 'gone.pth')


def link_to_itself(run):
    (run / 'epoch_2.pth').unlink()
    (run / 'epoch_2.pth').symlink_to(run / 'epoch_2.pth')


def empty_folder(run):
    (run / 'epoch_2.pth').unlink()
    (run / 'epoch_2.pth').mkdir()


def folder_of_a_cut_part(run):
    whole = (run / 'epoch_2.pth').read_bytes()
    empty_folder(run)
    (run / 'epoch_2.pth' / 'rank0.pth').write_bytes(whole)
    (run / 'epoch_2.pth' / 'rank1.pth').write_bytes(whole[:-20])


def greater_number_is_a_folder(run):
    (run / 'last_checkpoint').unlink()
    (run / 'epoch_2.pth').unlink()
    (run / 'epoch_30.pth').mkdir()


@pytest.mark.parametrize('damage', [
    dangling_link, link_to_itself, empty_folder, folder_of_a_cut_part,
    greater_number_is_a_folder])
def test_what_is_no_file_is_passed_over(tmp_path, damage):
    train(tmp_path, max_epochs=2)
    damage(tmp_path)
    assert find_whole_checkpoint(str(tmp_path)) == str(
        tmp_path / 'epoch_1.pth')


def test_a_pointer_that_is_a_folder(tmp_path):
    train(tmp_path, max_epochs=2)
    pointer_is_a_folder(tmp_path)
    assert find_whole_checkpoint(str(tmp_path)).endswith('epoch_2.pth')


def test_a_sharded_checkpoint_is_its_folder(tmp_path):
    train(tmp_path, max_epochs=1)
    whole = (tmp_path / 'epoch_1.pth').read_bytes()
    (tmp_path / 'epoch_1.pth').unlink()
    (tmp_path / 'epoch_1.pth').mkdir()
    for part in ('rank0.pth', 'rank1.pth'):
        (tmp_path / 'epoch_1.pth' / part).write_bytes(whole)
    assert find_whole_checkpoint(str(tmp_path)).endswith('epoch_1.pth')


def test_the_greatest_number_is_the_newest(tmp_path):
    train(tmp_path, max_epochs=1)
    whole = (tmp_path / 'epoch_1.pth').read_bytes()
    (tmp_path / 'last_checkpoint').unlink()
    for age, name in enumerate(
            ['epoch_9.pth', 'epoch_10.pth', 'iter_500.pth', 'epoch_2.pth']):
        (tmp_path / name).write_bytes(whole)
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    os.utime(tmp_path / 'epoch_1.pth', (1, 1))
    # The kind that was written last, and of it the greatest number.
    order = ['epoch_10.pth', 'epoch_9.pth', 'epoch_2.pth', 'epoch_1.pth',
             'iter_500.pth']
    for name in order:
        assert find_whole_checkpoint(str(tmp_path)) == str(tmp_path / name)
        (tmp_path / name).write_bytes(b'')


def test_a_pointer_into_a_store_is_taken_at_its_word(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('s3://bucket/run/epoch_3.pth')
    assert find_whole_checkpoint(
        str(tmp_path)) == 's3://bucket/run/epoch_3.pth'


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
