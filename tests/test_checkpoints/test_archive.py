"""What is seen of a checkpoint's archive before anything of it is read."""
import errno
import io
import os
import random
import threading
import zipfile

import pytest
import torch

from samix_mm.checkpoints.archive import Archive
from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          UnsafeCheckpointError,
                                          load_checkpoint)
from samix_mm.checkpoints.readers import damage_of
from tests.helpers.archives import members_of, rewrite, write_archive

CHECKPOINT = dict(
    meta=dict(epoch=1),
    state_dict=dict(
        weight=torch.arange(200.), empty=torch.empty(0), bias=torch.ones(3)))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save(CHECKPOINT, path)
    return path


def assert_equal(loaded):
    assert loaded['meta'] == CHECKPOINT['meta']
    for name, tensor in CHECKPOINT['state_dict'].items():
        assert torch.equal(loaded['state_dict'][name], tensor)


def assert_damaged(path, match):
    assert damage_of(str(path)) is not None
    with pytest.raises(DamagedCheckpointError, match=match) as info:
        load_checkpoint(path)
    assert str(path) in str(info.value)
    assert 'NO_WEIGHTS_ONLY' not in str(info.value)


def test_whole_file(path):
    assert damage_of(str(path)) is None
    assert_equal(load_checkpoint(path))


def test_every_flipped_byte_is_found_or_harmless(path):
    """Wherever it is: in the tensors, headers, names, or the directory."""
    data = path.read_bytes()
    start = data.index(b'PK\1\2')
    places = [*range(start, len(data)),
              *random.Random(0).sample(range(start), 400)]
    found = 0
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        damage = damage_of(str(path))
        try:
            assert_equal(load_checkpoint(path))
        except DamagedCheckpointError:
            assert damage
            found += 1
    assert found > len(places) // 5


def test_a_flipped_weight_is_found(path):
    data = bytearray(path.read_bytes())
    place = data.index(torch.arange(200.).numpy().tobytes()) + 403
    data[place] ^= 0x40
    path.write_bytes(data)
    assert torch.load(path)['state_dict']['weight'][100] != 100
    assert_damaged(path, 'data/.* is corrupted')


def test_damage_is_told_before_names(path):
    """Nobody shall vouch for a file that is cut off."""
    torch.save(dict(CHECKPOINT, extra=os.getcwd), path)
    with pytest.raises(UnsafeCheckpointError):
        load_checkpoint(path)
    assert damage_of(str(path)) is None
    data = bytearray(path.read_bytes())
    data[data.index(torch.arange(200.).numpy().tobytes()) + 403] ^= 1
    path.write_bytes(data)
    assert_damaged(path, 'data/.* is corrupted')


@pytest.mark.parametrize('length', [0, 1, 3, 30, 500, -1, -20, -200])
def test_cut_off(path, length):
    path.write_bytes(path.read_bytes()[:length])
    assert_damaged(path, 'cut off|corrupted')


def test_files_without_checksums_are_whole_and_say_nothing(path):
    """What ``set_crc32_options(False)`` leaves is zeros in the directory and
    in what follows each member."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            data = data.replace(info.CRC.to_bytes(4, 'little'), bytes(4))
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert not any(info.CRC for info in archive.infolist())
        assert archive.testzip()
    assert damage_of(str(path)) is None
    assert_equal(load_checkpoint(path))


def test_pytorch_writes_such_files(path):
    set_option = getattr(torch.serialization, 'set_crc32_options', None)
    if set_option is None:  # before 2.6 there are always checksums
        with open(path, 'rb') as file:
            assert Archive(file).has_checksums
        return
    set_option(False)
    try:
        torch.save(CHECKPOINT, path)
    finally:
        set_option(True)
    with open(path, 'rb') as file:
        assert not Archive(file).has_checksums
    assert damage_of(str(path)) is None
    assert_equal(load_checkpoint(path))


@pytest.mark.parametrize('method', [
    zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused_unread(path, method):
    rewrite(path, lambda members: {
        name: bytes(50_000_000) if name.endswith('data/0') else content
        for name, content in members.items()}, method=method)
    assert path.stat().st_size < 100_000
    assert_damaged(path, 'compressed, which torch.save never does')


def test_a_member_twice(path):
    rewrite(path, lambda members: members, twice=['epoch_1/data/0'])
    assert_damaged(path, 'occur twice')


def test_an_encrypted_member(path):
    data = bytearray(path.read_bytes())
    data[data.index(b'PK\1\2') + 8] |= 1
    path.write_bytes(data)
    assert_damaged(path, 'encrypted')


def test_members_that_share_their_bytes(tmp_path):
    """Each member is large, and the file is not."""
    path = tmp_path / 'overlap.pth'
    torch.save(dict(a=torch.ones(5000), b=torch.zeros(5000)), path)
    data = bytearray(path.read_bytes())
    first = data.index(b'PK\1\2')
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    entry = data.index(b'overlap/data/1', first) - 46
    offset = infos['overlap/data/0'].header_offset
    data[entry + 42:entry + 46] = offset.to_bytes(4, 'little')
    path.write_bytes(data)
    assert_damaged(path, 'the size of its part')


def test_a_member_larger_than_the_file(path):
    data = bytearray(path.read_bytes())
    entry = data.index(b'epoch_1/data/0', data.index(b'PK\1\2')) - 46
    data[entry + 20:entry + 28] = (2**31).to_bytes(4, 'little') * 2
    path.write_bytes(data)
    assert_damaged(path, 'the size of its part|cut off')


@pytest.mark.parametrize('names', [
    ['x.txt'], ['data.pkl'], ['a/b/data.pkl'], ['a/data.pkl', 'b/data.pkl']])
def test_other_archives(path, names):
    write_archive(path, dict.fromkeys(names, b'N.'))
    assert_damaged(path, 'none that torch.save writes')


def test_a_missing_storage(path):
    rewrite(path, lambda members: {
        name: content for name, content in members.items()
        if not name.endswith('data/0')})
    with pytest.raises(DamagedCheckpointError, match='data/0.* is missing'):
        load_checkpoint(path)


def test_other_order_of_bytes(path):
    members = members_of(path)
    if 'epoch_1/byteorder' not in members:  # before PyTorch 2.1
        members['epoch_1/byteorder'] = b'little'
    members['epoch_1/byteorder'] = b'big'
    write_archive(path, members)
    with pytest.raises(DamagedCheckpointError, match='order of bytes'):
        load_checkpoint(path)


class FailingFile(io.BytesIO):
    """A disk that fails after some bytes."""

    def __init__(self, data, good):
        super().__init__(data)
        self.good = good

    def read(self, size=-1):
        self.good -= 1
        if self.good < 0:
            raise OSError(errno.EIO, 'Input/output error')
        return super().read(size)

    readinto1 = None

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[:len(data)] = data
        return len(data)


@pytest.mark.parametrize('good', range(12))
def test_a_failing_disk_is_no_damage(path, good, monkeypatch):
    """``zipfile`` would say that it is no archive."""
    data = path.read_bytes()
    monkeypatch.setattr('builtins.open',
                        lambda *args: FailingFile(data, good))
    for read in (damage_of, load_checkpoint):
        with pytest.raises(OSError) as info:
            read(str(path))
        assert info.value.errno == errno.EIO


@pytest.mark.parametrize('code', [errno.EACCES, errno.ESTALE])
def test_what_may_not_be_read_is_no_damage(path, code, monkeypatch):

    def fail(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr('builtins.open', fail)
    for read in (damage_of, load_checkpoint):
        with pytest.raises(OSError) as info:
            read(str(path))
        assert info.value.errno == code


def test_what_is_no_file(tmp_path):
    (tmp_path / 'folder.pth').mkdir()
    (tmp_path / 'dangling.pth').symlink_to(tmp_path / 'nowhere')
    os.mkfifo(tmp_path / 'pipe.pth')
    for name in ('folder.pth', 'dangling.pth', 'pipe.pth', 'absent.pth',
                 'pipe.pth/x.pth'):
        path = tmp_path / name

        def look(path=path):
            assert 'no' in damage_of(str(path))
            with pytest.raises(FileNotFoundError, match='can not be found'):
                load_checkpoint(path)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), f'waits for {name}'
