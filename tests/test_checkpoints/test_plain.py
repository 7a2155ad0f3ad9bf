"""What this package saves of a training."""
from collections import OrderedDict

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from samix_mm.checkpoints.plain import from_plain, to_plain


def test_plain_values_survive_weights_only(tmp_path):
    history = HistoryBuffer([1.5, 2.5], [1, 2], max_length=7)
    value = dict(
        log_scalars=OrderedDict(loss=history),
        score=np.float64(0.5),
        array=np.arange(3),
        nested=[(np.int64(4), 'x'), None, True])
    path = tmp_path / 'plain.pth'
    torch.save(to_plain(value), path)
    loaded = from_plain(torch.load(path, weights_only=True))
    assert loaded['score'] == 0.5
    assert type(loaded['score']) is float
    assert loaded['array'] == [0, 1, 2]
    assert loaded['nested'] == [(4, 'x'), None, True]
    log, count = loaded['log_scalars']['loss'].data
    np.testing.assert_array_equal(log, [1.5, 2.5])
    np.testing.assert_array_equal(count, [1, 2])
    assert loaded['log_scalars']['loss'].max_length == 7


def test_to_plain_leaves_its_argument_alone():
    history = HistoryBuffer([1.], [1])
    value = OrderedDict(loss=history)
    to_plain(value)
    assert value['loss'] is history
