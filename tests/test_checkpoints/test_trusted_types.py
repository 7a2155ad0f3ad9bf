"""What MMEngine saves comes back as it was; nothing else of NumPy does."""
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from samix_mm.checkpoints.errors import (DamagedCheckpointError,
                                         UnsafeCheckpointError)
from samix_mm.checkpoints.readers import read_checkpoint
from tests.helpers.archives import rewrite_pickle

FORMATS = pytest.mark.parametrize('zipped', [True, False])


def through_file(value, path, zipped=True):
    torch.save(dict(value=value), path,
               _use_new_zipfile_serialization=zipped)
    with open(path, 'rb') as file:
        return read_checkpoint(file)['value']


@FORMATS
@pytest.mark.parametrize('dtype', [
    '?', 'i1', 'u2', 'i4', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16', '>f8', '>i2',
    'S3', 'U3'])
def test_arrays_and_scalars_of_numpy(tmp_path, dtype, zipped):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for value in (array, array.T, array[::2, 1:], array[:0], array[1, 2],
                  np.array(array[1, 2])):
        loaded = through_file(value, tmp_path / 'x.pth', zipped)
        assert type(loaded) is type(value)
        # NumPy itself turns the order of bytes
        assert loaded.dtype == pickle.loads(pickle.dumps(value, 2)).dtype
        assert loaded.shape == value.shape
        np.testing.assert_array_equal(loaded, value)


@FORMATS
def test_histories(tmp_path, zipped):
    history = HistoryBuffer([1.5, 2.5], [1, 2], max_length=7)
    history.update(4., 3)
    loaded = through_file(dict(x=[history, history]), tmp_path / 'x.pth',
                          zipped)['x'][0]
    assert type(loaded) is HistoryBuffer
    for column, expected in zip(loaded.data, history.data):
        np.testing.assert_array_equal(column, expected)
    assert loaded.max_length == 7
    for name in ('mean', 'min', 'max', 'current'):
        assert loaded.statistics(name) == history.statistics(name)
    loaded.update(1.)


def test_statistics_of_a_file_replace_none(tmp_path, monkeypatch):
    """A file once could exchange methods of the class for its own."""
    methods = dict(HistoryBuffer._statistics_methods)
    history = HistoryBuffer([1.], [1])
    path = tmp_path / 'x.pth'
    torch.save(dict(value=history), path)
    assert b'current' in path.read_bytes()
    rewrite_pickle(path, lambda data: data.replace(b'current', b'torrent'))
    with open(path, 'rb') as file:
        loaded = read_checkpoint(file)['value']
    assert loaded.current() == 1
    assert HistoryBuffer._statistics_methods == methods


def test_config_dicts(tmp_path):
    value = ConfigDict(a=dict(b=[dict(c=1)]), d=(1, ConfigDict()))
    loaded = through_file(value, tmp_path / 'x.pth')
    assert type(loaded) is type(loaded.a) is type(loaded.a.b[0]) is ConfigDict
    assert loaded == value
    assert loaded.a.b[0].c == 1


def test_functions_of_schedulers(tmp_path):
    value = [OneCycleParamScheduler._annealing_cos,
             OneCycleParamScheduler._annealing_linear]
    assert through_file(value, tmp_path / 'x.pth') == value


@FORMATS
@pytest.mark.parametrize('value', [
    np.array([None]), np.array([1, 'x', {}], object),
    np.zeros(2, [('a', 'i4')]), np.zeros(2, 'V4'),
    np.array(['2020-01-01'], 'M8[D]'), np.dtype('f8'), np.float64,
    np.random.RandomState(0), np.ma.array([1]), np.poly1d([1]),
    OneCycleParamScheduler, HistoryBuffer.mean])
def test_other_things_are_refused(tmp_path, value, zipped):
    with pytest.raises((UnsafeCheckpointError, DamagedCheckpointError)):
        through_file(value, tmp_path / 'x.pth', zipped)


def forged(path, value, change):
    torch.save(dict(value=value), path)
    before = path.read_bytes()
    rewrite_pickle(path, change)
    assert path.read_bytes() != before
    with open(path, 'rb') as file, pytest.raises(DamagedCheckpointError):
        read_checkpoint(file)


def test_forged_arrays(tmp_path):
    path, array = tmp_path / 'x.pth', np.arange(3, dtype='i8')
    for old, new in (
        (b'K\x03\x85', b'J\xff\xff\xff\x7f\x85'),  # longer than its content
        (b'K\x03\x85', b'J\xff\xff\xff\xff\x85'),
        (b'K\x03\x85', b'K\x03N\x86'),
        (b'i8', b'O8'), (b'i8', b'V8'), (b'i8', b'U0'),
        (b'X\x01\0\0\0<', b'X\x01\0\0\0?')):
        forged(path, array, lambda data, old=old, new=new: data.replace(
            old, new))


def test_forged_scalars(tmp_path):
    path = tmp_path / 'x.pth'
    for new in (b'f4', b'O8', b'S9'):
        forged(path, np.float64(1), lambda data, new=new: data.replace(
            b'f8', new))


def test_forged_histories(tmp_path):
    path, history = tmp_path / 'x.pth', HistoryBuffer([1., 2.], [1, 1], 5)
    for old, new in ((b'max_length', b'min_length'), (b'K\x05', b'K\x01'),
                     (b'K\x05', b'N'), (b'f8', b'S8'),
                     (b'_log_history', b'_log_misery_')):
        forged(path, history, lambda data, old=old, new=new: data.replace(
            old, new))
