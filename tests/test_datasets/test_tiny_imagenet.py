import pytest

from samix_mm.datasets import TinyImageNet
from samix_mm.datasets import tiny_imagenet as module
from tests.helpers.layouts import tiny_imagenet


def test_labels_follow_wnids_in_both_splits(tmp_path):
    root = tmp_path / 'tiny'
    tiny_imagenet(root)
    for split in ('train', 'val'):
        data = TinyImageNet(str(root), split, check_counts=False)
        assert [data[i]['gt_label'] for i in range(4)] == [0, 1, 198, 199]
        assert len(data.CLASSES) == 200
    assert data[3]['img_path'].endswith('val/images/val_3.JPEG')


def test_counts_are_checked(tmp_path, monkeypatch):
    root = tmp_path / 'tiny'
    tiny_imagenet(root, num_classes=4)
    with pytest.raises(
            ValueError, match=r'train in .*tiny has 4 images of 4 classes, '
            'expected 100000 of 200: unpack the archive again'):
        TinyImageNet(str(root))
    monkeypatch.setattr(module, 'NUM_IMAGES', dict(train=4, val=4))
    monkeypatch.setattr(module, 'NUM_CLASSES', 4)
    assert len(TinyImageNet(str(root))) == 4
    assert len(TinyImageNet(str(root), 'val')) == 4
    (root / 'val/images/val_2.JPEG').unlink()
    with pytest.raises(ValueError, match='has 3 images of 3 classes'):
        TinyImageNet(str(root), 'val')


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(
            FileNotFoundError, match=r'wnids.txt is missing: data_root must'):
        TinyImageNet(str(tmp_path))


def test_the_test_split_has_no_labels(tmp_path):
    with pytest.raises(ValueError, match="split must be one of .*'test'"):
        TinyImageNet(str(tmp_path), 'test')
