import pickle

import cv2
import numpy as np
import pytest
from mmpretrain.registry import TRANSFORMS

from samix_mm.datasets import CachedImageFromFile


@pytest.fixture
def paths(tmp_path):
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f'{number}.png'))
        cv2.imwrite(paths[-1], np.full((16, 8, 3), 50 * number, np.uint8))
    return paths


def load(transform, path):
    return transform(dict(img_path=path))


def test_what_it_gives_is_what_the_stock_transform_gives(paths):
    cached = TRANSFORMS.build(dict(type='CachedImageFromFile'))
    stock = TRANSFORMS.build(dict(type='LoadImageFromFile'))
    for _ in range(2):
        for path in paths:
            ours, theirs = load(cached, path), load(stock, path)
            assert np.array_equal(ours.pop('img'), theirs.pop('img'))
            assert ours == theirs


def test_each_file_is_read_once(paths, monkeypatch):
    transform = CachedImageFromFile()
    first = [load(transform, path)['img'] for path in paths]
    monkeypatch.setattr('mmcv.imfrombytes', None)
    for path, image in zip(paths, first):
        assert np.array_equal(load(transform, path)['img'], image)


def test_transforms_in_place_do_not_change_the_memory(paths):
    transform = CachedImageFromFile()
    for _ in range(3):
        image = load(transform, paths[1])['img']
        assert (image == 50).all()
        image[:] = 7


def test_a_full_memory_reads_files(paths):
    transform = CachedImageFromFile(max_megabytes=2 * 16 * 8 * 3 / 2**20)
    for _ in range(2):
        for number, path in enumerate(paths):
            assert (load(transform, path)['img'] == 50 * number).all()
    assert len(transform._images) == 2


def test_workers_start_with_an_empty_memory(paths):
    transform = CachedImageFromFile(max_megabytes=1.)
    load(transform, paths[0])
    copy = pickle.loads(pickle.dumps(transform))
    assert not copy._images and copy._free == 2**20
    assert (load(copy, paths[2])['img'] == 100).all()


@pytest.mark.parametrize('max_megabytes', [0, -1.])
def test_refuses_no_memory(max_megabytes):
    with pytest.raises(ValueError, match='max_megabytes must be above 0'):
        CachedImageFromFile(max_megabytes=max_megabytes)
