"""Small files that would become large."""
import pickle
import time
from collections import OrderedDict

import numpy as np
import pytest
import torch

from samix_mm.checkpoints import limits
from samix_mm.checkpoints.limits import check_limits
from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          UnsafeCheckpointError,
                                          load_checkpoint)
from tests.helpers.archives import rewrite_pickle


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'epoch_1.pth'


def refused(path, match):
    start = time.perf_counter()
    with pytest.raises(UnsafeCheckpointError, match=match) as info:
        load_checkpoint(path)
    assert time.perf_counter() - start < 20
    assert 'NO_WEIGHTS_ONLY' not in str(info.value)


def with_pickle(path, data):
    torch.save({}, path)
    rewrite_pickle(path, lambda _: data)


@pytest.mark.parametrize('shape', [(10**12, ), (2**20, 2**20), (2**30, 1)])
def test_expanded_tensors(path, shape):
    torch.save(dict(state_dict=dict(
        bomb=torch.zeros(()).expand(shape), weight=torch.ones(2))), path)
    refused(path, r'state_dict\.bomb have [0-9,]+ bytes if .* contiguous')


def test_many_expanded_tensors(path):
    torch.save({str(index): torch.zeros(()).expand(10**7)
                for index in range(20)}, path)
    refused(path, r'tensors up to 6 have 280,000,000 bytes')


def test_overlapping_windows(path):
    long = torch.zeros(1_000_000)
    torch.save(dict(windows=long.unfold(0, 500_000, 1)), path)
    refused(path, 'windows')


def test_views_and_expanded_buffers_of_models(path):
    """They come as they were, and share what they shared."""
    weight = torch.randn(1000, 50)
    model = torch.nn.Linear(4, 4)
    model.register_buffer('expanded', torch.arange(4.).expand(1000, 4))
    model.tied = model.weight
    torch.save(dict(
        state_dict=model.state_dict(), transposed=weight.t(),
        row=weight[3], column=weight[:, 3], every=weight[::7]), path)
    loaded = load_checkpoint(path)
    assert loaded['state_dict']['expanded'].stride() == (0, 1)
    assert loaded['transposed'].stride() == (1, 50)
    loaded['row'].zero_()
    assert not loaded['transposed'][:, 3].any()
    loaded['state_dict']['weight'].zero_()
    assert not loaded['state_dict']['tied'].any()


def test_the_bound_grows_with_the_file():
    tensor = torch.zeros(()).expand(2**28)
    check_limits(dict(x=tensor), 2**26)
    with pytest.raises(UnsafeCheckpointError):
        check_limits(dict(x=tensor), 2**25)


def billion_laughs(level):
    value = ['ha'] * 10
    for _ in range(level):
        value = [value] * 10
    return dict(meta=dict(laughs=value))


@pytest.mark.parametrize('kind', [list, tuple, dict])
def test_billion_laughs(path, kind):
    value = ['ha'] * 10
    for _ in range(30):
        value = dict(enumerate([value] * 10)) if kind is dict else kind(
            [value] * 10)
    torch.save(dict(meta=dict(laughs=value)), path)
    refused(path, r'meta\.laughs[0-9.]* has more than 10,000,000 values')


def test_a_config_dict_of_laughs(path):
    """ConfigDict goes through all of what it is given."""
    torch.save(billion_laughs(30), path)
    head, tail = b'cmmengine.config.config\nConfigDict\n', b'\x85R.'
    rewrite_pickle(path, lambda data: (
        data[:2] + head + data[2:-1] + tail))
    refused(path, 'has more than 10,000,000 values')


def test_some_shared_values(path):
    torch.save(billion_laughs(3), path)
    assert load_checkpoint(path) == billion_laughs(3)


@pytest.mark.parametrize('one', [b'\x85', b'}X\1\0\0\0x', b']'])
def test_deep_nesting(path, one):
    close = {b'\x85': b'', b']': b'a', b'}X\1\0\0\0x': b's'}[one]
    value = (b')' + one * 200_000 if one == b'\x85' else
             one * 200_000 + b'N' + close * 200_000)
    with_pickle(path, b'\x80\x02}X\4\0\0\0deep' + value + b's.')
    refused(path, 'nested more than 100 deep at deep')


@pytest.mark.parametrize('value', [
    b']q\x01h\x01a', b'}q\x01X\x01\0\0\0xh\x01s',
    b']q\x01h\x01\x85a', b'ccollections\nOrderedDict\n)Rq\x01}X\x01\0\0\0xh'
    b'\x01sb'])
def test_what_contains_itself(path, value):
    with_pickle(path, b'\x80\x02}X\4\0\0\0loop' + value + b's.')
    refused(path, 'contains itself')


def test_a_storage_that_is_said_to_be_larger(path):
    torch.save(dict(x=torch.ones(3)), path)
    rewrite_pickle(path, lambda data: data.replace(
        b'K\x03N', b'J\xff\xff\xff\x7fN').replace(
            b'K\x03tq', b'J\xff\xff\xff\x7ftq'))
    assert b'J\xff' in path.read_bytes()
    with pytest.raises(DamagedCheckpointError, match='should have 8,589'):
        load_checkpoint(path)


def test_a_storage_of_an_old_file_that_is_said_to_be_larger(path):
    torch.save(dict(x=torch.ones(3)), path,
               _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'K\x03N', b'J\xff\xff\xff\x7fN'))
    assert path.read_bytes() != data
    with pytest.raises(DamagedCheckpointError, match='larger than what is'):
        load_checkpoint(path)


@pytest.mark.parametrize('value', [
    [1], torch.ones(2), 'text', None, 3, np.float64(1)])
@pytest.mark.parametrize('zipped', [True, False])
def test_what_is_no_dict(path, value, zipped):
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DamagedCheckpointError, match='not the dict of a'):
        load_checkpoint(path)


@pytest.mark.parametrize('part', [
    b'ctorch\nTensor\n', b'ctorch\nFloatStorage\n', b'cnumpy\nndarray\n',
    b'ccollections\nOrderedDict\n', b'cnumpy\ndtype\nX\2\0\0\0f8\x85R',
    b'c__builtin__\ngetattr\ncmmengine.logging.history_buffer\nHistoryBuffer'
    b'\nX\3\0\0\0min\x86R'])
def test_parts_of_objects(path, part):
    with_pickle(path, b'\x80\x02}X\4\0\0\0part' + part + b's.')
    with pytest.raises(DamagedCheckpointError, match='part has a part of an'):
        load_checkpoint(path)


def test_depth_of_trainings_is_far_from_the_limit():
    value = OrderedDict(x=1)
    for _ in range(50):
        value = dict(x=[value])
    assert limits.MAX_DEPTH < 101
    with pytest.raises(UnsafeCheckpointError):
        check_limits(value, 10**6)
    check_limits(pickle.loads(pickle.dumps(value['x'][0])), 10**6)
