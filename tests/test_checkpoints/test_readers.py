"""The tensors are those that were saved, in both formats."""
import gzip
import tarfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from samix_mm.checkpoints.loading import (AbsentDeviceError,
                                          DamagedCheckpointError,
                                          UnsafeCheckpointError,
                                          load_checkpoint)
from samix_mm.checkpoints.readers import damage_of, read_checkpoint
from tests.helpers.archives import rewrite_pickle

FORMATS = pytest.mark.parametrize('zipped', [True, False])
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16,
          torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
          torch.bool, torch.complex64, torch.complex128]
if hasattr(torch, 'uint16'):  # from PyTorch 2.3 on
    DTYPES += [torch.uint16, torch.uint32, torch.float8_e4m3fn]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'epoch_1.pth'


def read(path, *args):
    with open(path, 'rb') as file:
        return read_checkpoint(file, *args)


def assert_same(left, right):
    assert type(left) is type(right)
    assert (left.dtype, left.shape, left.stride(), left.storage_offset(),
            left.requires_grad) == (
                right.dtype, right.shape, right.stride(),
                right.storage_offset(), right.requires_grad)
    assert torch.equal(left.resolve_conj().contiguous().view(-1),
                       right.resolve_conj().contiguous().view(-1)) or (
        left.element_size() == 1 and torch.equal(
            left.contiguous().view(torch.uint8),
            right.contiguous().view(torch.uint8)))


def tensors(dtype):
    base = (torch.rand(4, 5) * 9).to(dtype)
    yield from (base, base.t(), base[1:3, ::2], base[2, 3], base[:0],
                base[0].expand(3, 5), base.flatten()[7:])


@FORMATS
@pytest.mark.parametrize('dtype', DTYPES, ids=str)
def test_dense_tensors(path, dtype, zipped):
    value = dict(enumerate(tensors(dtype)))
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    loaded = read(path)
    assert loaded.keys() == value.keys()
    for key in loaded:
        assert_same(loaded[key], value[key])
    assert len({item.untyped_storage().data_ptr()
                for item in loaded.values() if item.numel()}) == 1
    assert damage_of(str(path)) is None


@FORMATS
def test_parameters_gradients_and_attributes(path, zipped):
    marked = nn.Parameter(torch.ones(2))
    marked.lr_mult = 0.1
    plain = torch.zeros(2)
    plain.note = 'x'
    value = dict(
        frozen=nn.Parameter(torch.rand(3), requires_grad=False),
        leaf=torch.rand(2, requires_grad=True), marked=marked, plain=plain,
        conj=torch.tensor([1 + 2j, 3j]).conj(),
        neg=torch.tensor([1 + 2j]).conj().imag)
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    loaded = read(path)
    for key in ('frozen', 'leaf', 'marked', 'plain'):
        assert_same(loaded[key], value[key])
    assert torch.equal(loaded['conj'], value['conj'])
    assert torch.equal(loaded['neg'], value['neg'])
    assert loaded['marked'].lr_mult == 0.1
    assert loaded['plain'].note == 'x'


@FORMATS
def test_a_training(path, zipped):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    torch.save(dict(state_dict=model.state_dict(),
                    optimizer=optimizer.state_dict()), path,
               _use_new_zipfile_serialization=zipped)
    loaded = read(path)
    assert isinstance(loaded['state_dict'], OrderedDict)
    assert loaded['state_dict']._metadata == model.state_dict()._metadata
    for key, tensor in model.state_dict().items():
        assert_same(loaded['state_dict'][key], tensor)
    torch.optim.AdamW(model.parameters()).load_state_dict(loaded['optimizer'])
    assert torch.equal(loaded['optimizer']['state'][0]['exp_avg'],
                       optimizer.state_dict()['state'][0]['exp_avg'])


@FORMATS
@pytest.mark.parametrize('location', [
    None, 'cpu', torch.device('cpu'), {'cpu': 'meta'}, 'meta',
    lambda storage, location: storage, lambda storage, location: None])
def test_map_location(path, location, zipped):
    torch.save(dict(x=torch.arange(3.)), path,
               _use_new_zipfile_serialization=zipped)
    loaded = read(path, location)['x']
    expected = torch.load(path, location, weights_only=False)['x']
    assert loaded.device == expected.device
    if loaded.device.type == 'cpu':
        assert torch.equal(loaded, expected)


@FORMATS
def test_a_device_that_is_not_here(path, zipped):
    torch.save(dict(x=torch.arange(3.)), path,
               _use_new_zipfile_serialization=zipped)

    def to_gpu(data):
        return data.replace(b'X\x03\0\0\0cpu', b'X\x06\0\0\0cuda:7')

    if zipped:
        rewrite_pickle(path, to_gpu)
    else:
        path.write_bytes(to_gpu(path.read_bytes()))
    with pytest.raises(AbsentDeviceError, match="'cuda:7'.*map_location"):
        load_checkpoint(path)
    assert torch.equal(load_checkpoint(path, 'cpu')['x'], torch.arange(3.))
    assert damage_of(str(path)) is None


@FORMATS
@pytest.mark.parametrize('make', [
    lambda: torch.eye(3).to_sparse(),
    lambda: torch.quantize_per_tensor(torch.ones(2), 1., 0, torch.qint8),
    lambda: torch.empty(10**9, device='meta')])
def test_tensors_that_are_not_dense(path, make, zipped):
    torch.save(dict(x=make()), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match='only dense ones') as info:
        load_checkpoint(path)
    assert 'NO_WEIGHTS_ONLY' not in str(info.value)


@pytest.mark.parametrize('module', [nn.Linear(2, 2), nn.Linear])
def test_whole_models(path, module):
    torch.save(dict(model=module), path)
    with pytest.raises(UnsafeCheckpointError, match='Linear.*NO_WEIGHTS_ONLY'):
        load_checkpoint(path)


SHAPE = b'K\x04K\x05\x86'  # of a 4 x 5 tensor


@pytest.mark.parametrize('old, new', [
    (SHAPE, b'K\x05K\x05\x86'), (SHAPE, b'J\xff\xff\xff\x7fK\x05\x86'),
    (SHAPE, b'J\xff\xff\xff\xffK\x05\x86'), (SHAPE, b'K\x04G' + bytes(8)
                                             + b'\x86'),
    (SHAPE, b'N'), (SHAPE, b'K\x04\x85'), (SHAPE, b'\x88\x88\x86'),
    (b'K\x05K\x01\x86', b'K\x06K\x01\x86'),
    (b'K\x05K\x01\x86', b'J\xff\xff\xff\xffK\x01\x86'),
    (b'K\x05K\x01\x86', b'K\x00\x8a\x09' + bytes(8) + b'\x01\x86'),
    (b'QK\x00', b'QK\x01'), (b'QK\x00', b'QJ\xff\xff\xff\xff'),
    (b'QK\x00', b'QN'), (b'QK\x00', b'0K\x00'),
    (b'FloatStorage', b'DoubleStorage'), (b'FloatStorage', b'HalfStorage'),
    (b'X\x07\0\0\0storage', b'X\x06\0\0\0module'),
    (b'X\x03\0\0\0cpu', b'X\x02\0\0\0..'), (b'X\x01\0\0\0' + b'0', b'K\x00'),
    (b'X\x01\0\0\0' + b'0', b'X\x0b\0\0\0../data.pkl'),
    (b'\nOrderedDict', b'\nCounter'),
    (b'_rebuild_tensor_v2', b'_rebuild_parameter'),
    (b'_rebuild_tensor_v2', b'_rebuild_tensor_v3')])
def test_forged_tensors(path, old, new):
    torch.save(dict(x=torch.rand(4, 5)), path)
    before = path.read_bytes()
    if old == b'\nOrderedDict':  # the hooks of a tensor are not called
        rewrite_pickle(path, lambda data: data.replace(old, new))
        assert load_checkpoint(path)['x'].shape == (4, 5)
        return
    rewrite_pickle(path, lambda data: data.replace(old, new, 1))
    assert path.read_bytes() != before
    with pytest.raises((DamagedCheckpointError, UnsafeCheckpointError)):
        load_checkpoint(path)


def test_two_tensors_that_disagree_about_their_storage(path):
    """Of which one would reach beyond what the other one allocates."""
    base = torch.zeros(64, dtype=torch.uint8)
    torch.save(dict(a=base[:8], b=base.view(2, 32)), path)
    loaded = load_checkpoint(path)
    assert loaded['b'].shape == (2, 32)
    rewrite_pickle(path, lambda data: data.replace(b'K@N', b'J\0\0\0\x01N')
                   if b'K@N' in data else data.replace(b'K@t', b'J\0\0\0\1t'))
    with pytest.raises(DamagedCheckpointError):
        load_checkpoint(path)


def test_attributes_replace_no_methods(path):
    weights = OrderedDict(a=torch.ones(1))
    weights.keys_of = 'mine'
    torch.save(dict(x=weights), path)
    assert load_checkpoint(path)['x'].keys_of == 'mine'
    rewrite_pickle(path, lambda data: data.replace(
        b'\x07\0\0\0keys_of', b'\x05\0\0\0items'))
    with pytest.raises(DamagedCheckpointError, match='replace one of'):
        load_checkpoint(path)


@pytest.mark.parametrize('length', [1, 20, 40, 200, -1, -9, -100])
def test_old_files_cut_off(path, length):
    torch.save(dict(x=torch.rand(9), y=torch.rand(7)), path,
               _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:length])
    assert damage_of(str(path))
    with pytest.raises(DamagedCheckpointError):
        load_checkpoint(path)


def test_what_is_no_checkpoint(path):
    for content, what in ((b'', 'cut off, or no'), (b'hello', 'or no'),
                          (gzip.compress(b'x'), 'or no'),
                          (b'\x80\x02K\x01.' * 3, 'no checkpoint'),
                          (b'version https://git-lfs', 'or no'),
                          (b'<!DOCTYPE html>', 'or no')):
        path.write_bytes(content)
        with pytest.raises(DamagedCheckpointError, match=what) as info:
            load_checkpoint(path)
        assert 'NO_WEIGHTS_ONLY' not in str(info.value)
        assert damage_of(str(path))
    with tarfile.open(path, 'w') as archive:
        archive.add(__file__, 'storages')
    with pytest.raises(DamagedCheckpointError, match='tar file'):
        load_checkpoint(path)
