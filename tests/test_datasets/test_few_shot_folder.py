import pytest

from samix_mm.datasets import FewShotFolder
from tests.helpers.layouts import cifar10_jpeg


def test_the_first_images_of_each_class_by_name(tmp_path):
    cifar10_jpeg(tmp_path)
    data = FewShotFolder(
        samples_per_class=1, data_root=str(tmp_path), data_prefix='train')
    assert len(data) == 10
    assert [data[i]['gt_label'] for i in range(10)] == list(range(10))
    assert all(data[i]['img_path'].endswith('0000.jpg') for i in range(10))


def test_a_class_with_too_few_images_is_named(tmp_path):
    cifar10_jpeg(tmp_path)
    (tmp_path / 'train/class3/0001.jpg').unlink()
    with pytest.raises(
            ValueError, match="class 'class3' of .* has 1 images, but "
            'samples_per_class=2'):
        FewShotFolder(
            samples_per_class=2, data_root=str(tmp_path), data_prefix='train')
