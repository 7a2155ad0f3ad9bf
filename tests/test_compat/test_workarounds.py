import colorsys
import sys

import mmcv
import numpy as np
import pytest
import torch
from mmengine.registry import FUNCTIONS

from samix_mm.compat.workarounds import mend_mmselfsup


@pytest.mark.parametrize('factor', [-0.5, -0.1, -0.004, 0., 0.1])
def test_hues_turn_both_ways(factor):
    """Pixel by pixel as the standard library turns them, to the rounding of
    Pillow's HSV of 8 bits."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    turned = mmcv.adjust_hue(image, factor, backend='pillow')
    assert turned.dtype == np.uint8 and turned.shape == image.shape
    for before, after in zip(image.reshape(-1, 3), turned.reshape(-1, 3)):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before[::-1] / 255))
        hue += int(factor * 255) / 255
        expected = 255 * np.array(
            colorsys.hsv_to_rgb(hue % 1, saturation, value))
        np.testing.assert_allclose(after[::-1], expected, atol=6)


@pytest.mark.parametrize('name', ['default_collate', 'pseudo_collate'])
def test_collate_functions_may_be_inherited_from_a_package(name):
    batch = [dict(inputs=torch.ones(2)), dict(inputs=torch.zeros(2))]
    collate = FUNCTIONS.get(name)
    plain = collate(batch)['inputs']
    scoped = collate(batch, _scope_='mmpretrain')['inputs']
    for left, right in zip(plain, scoped):
        assert torch.equal(left, right)


@pytest.mark.parametrize('complete', [True, False])
def test_the_module_that_mmselfsup_lacks(tmp_path, monkeypatch, complete):
    package = tmp_path / 'mmselfsup'
    (package / 'engine').mkdir(parents=True)
    (package / '__init__.py').write_text('raise RuntimeError("imported")')
    if complete:
        (package / 'engine' / 'runner.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    name = 'mmselfsup.engine.runner'
    monkeypatch.delitem(sys.modules, name, raising=False)
    mend_mmselfsup()
    assert (name in sys.modules) == (not complete)
    monkeypatch.delitem(sys.modules, name, raising=False)
