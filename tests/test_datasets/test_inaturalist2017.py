import pytest

from samix_mm.datasets import INaturalist2017
from samix_mm.datasets import inaturalist2017 as module
from tests.helpers.layouts import inaturalist2017


def test_labels_follow_category_ids(tmp_path):
    inaturalist2017(tmp_path)
    for split in ('train', 'val'):
        data = INaturalist2017(str(tmp_path), split, check_counts=False)
        assert [data[i]['gt_label'] for i in range(4)] == [0, 1, 5088, 1]
    assert data[2]['img_path'].endswith('species 5088/val2.jpg')


def test_counts_and_images_are_checked(tmp_path, monkeypatch):
    inaturalist2017(tmp_path)
    with pytest.raises(
            ValueError, match='2017 train in .* has 4 images of 3 classes, '
            'expected 579184 of 5089'):
        INaturalist2017(str(tmp_path))
    monkeypatch.setattr(module, 'NUM_IMAGES', dict(train=4, val=4))
    monkeypatch.setattr(module, 'NUM_CLASSES', 3)
    assert len(INaturalist2017(str(tmp_path))) == 4
    (tmp_path / 'train_val_images/Aves/species 1/train3.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='train3.jpg is missing'):
        INaturalist2017(str(tmp_path))


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(
            FileNotFoundError, match=r'val2017.json is missing: data_root'):
        INaturalist2017(str(tmp_path), 'val')
