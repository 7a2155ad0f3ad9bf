import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from torch.utils.data import DataLoader

from samix_mm.datasets import STL10
from tests.helpers.layouts import stl10

LABELS = (10, 1, 7)


def pixel(image, channel, row, column):
    """Another value wherever two of the numbers change places."""
    return (61 * image + 97 * channel + 3 * row + 5 * column) % 256


@pytest.fixture(scope='module')
def three(tmp_path_factory):
    """Three images in each split, byte by byte as the archive has them."""
    root = tmp_path_factory.mktemp('three') / 'stl10_binary'
    root.mkdir()
    stored = bytes(
        pixel(image, channel, row, column) for image in range(3)
        for channel in range(3) for column in range(96) for row in range(96))
    for split in ('train', 'test', 'unlabeled'):
        (root / f'{split}_X.bin').write_bytes(stored)
        if split != 'unlabeled':
            (root / f'{split}_y.bin').write_bytes(bytes(LABELS))
    return root


@pytest.fixture
def copy_of_three(three, tmp_path):
    for path in three.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    root = tmp_path_factory.mktemp('full') / 'stl10_binary'
    stl10(root)
    return root


def expected_image(number):
    rows, columns, channels = np.meshgrid(
        np.arange(96), np.arange(96), (2, 1, 0), indexing='ij')
    return pixel(number, channels, rows, columns).astype(np.uint8)


@pytest.mark.parametrize('split', ['train', 'test', 'unlabeled'])
def test_images_are_upright_bgr(three, split):
    data = STL10(str(three), split, check_counts=False)
    assert len(data) == 3
    for number in range(3):
        image = data[number]['img']
        assert (image.dtype, image.shape) == (np.uint8, (96, 96, 3))
        np.testing.assert_array_equal(image, expected_image(number))
        assert data[number]['sample_idx'] == number


def test_labels_begin_at_0(three):
    for split in ('train', 'test'):
        data = STL10(str(three), split, check_counts=False)
        assert data.get_gt_labels().tolist() == [9, 0, 6]
        assert [data.get_cat_ids(i) for i in range(3)] == [[9], [0], [6]]
        assert data.test_mode == (split == 'test')
    unlabeled = STL10(str(three), 'unlabeled', check_counts=False)
    assert set(unlabeled[0]) == {'img', 'sample_idx'}
    assert not unlabeled.test_mode


def test_a_changed_image_leaves_the_file_alone(three):
    data = STL10(str(three), check_counts=False)
    data[0]['img'][:] = 0
    np.testing.assert_array_equal(data[0]['img'], expected_image(0))


def test_indices_choose_images_with_their_labels(three):
    data = STL10(str(three), check_counts=False, indices=[2, 0])
    for parted in (data, data.get_subset([0, 1])):
        assert parted.get_gt_labels().tolist() == [6, 9]
        np.testing.assert_array_equal(parted[0]['img'], expected_image(2))
        assert parted[0]['sample_idx'] == 0
    np.testing.assert_array_equal(data[-1]['img'], expected_image(0))


def test_lazy_init_reads_nothing(tmp_path):
    data = STL10(str(tmp_path / 'later'), lazy_init=True)
    assert data.metainfo['classes'][2] == 'car'
    with pytest.raises(FileNotFoundError):
        data.full_init()


def test_classes_are_those_of_the_archive(copy_of_three):
    root = str(copy_of_three)
    names = [
        'airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey',
        'ship', 'truck'
    ]
    assert STL10(root, check_counts=False).CLASSES == tuple(names)
    (copy_of_three / 'class_names.txt').write_text(
        '\n'.join(names[::-1]) + '\n')
    assert STL10(root, check_counts=False).CLASSES == tuple(names[::-1])


@pytest.mark.parametrize('split, number', [('train', 5000), ('test', 8000),
                                           ('unlabeled', 100000)])
def test_counts_are_checked(three, full, split, number):
    with pytest.raises(
            ValueError, match=f'STL-10 {split} in .* has 3 images, expected '
            f'{number}: unpack stl10_binary.tar.gz again, or pass check_'):
        STL10(str(three), split)
    assert len(STL10(str(full), split)) == number


def test_the_dataset_holds_no_pixels(full):
    """A worker process gets the name of the file, not its 2.8 GB."""
    data = STL10(str(full), 'unlabeled')
    image = data[5]['img']
    assert image.std() > 50
    assert len(pickle.dumps(data)) < 10e6
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again[5]['img'], image)
    assert again[99_999]['img'].max() == 0
    few = data.get_subset([5])
    assert len(pickle.dumps(few)) < 1e4
    np.testing.assert_array_equal(few[0]['img'], image)


class TestBrokenFolder:

    @pytest.mark.parametrize('name', ['train_X.bin', 'train_y.bin'])
    def test_a_missing_file_is_named(self, copy_of_three, name):
        (copy_of_three / name).unlink()
        with pytest.raises(
                FileNotFoundError,
                match=f'{name} is missing: data_root must be the folder '
                'stl10_binary that stl10_binary.tar.gz unpacks to'):
            STL10(str(copy_of_three), check_counts=False)

    @pytest.mark.parametrize('size', [0, 3 * 27648 - 1])
    def test_images_that_were_cut_off(self, copy_of_three, size):
        path = copy_of_three / 'train_X.bin'
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(
                ValueError, match=rf'train_X.bin has {size} bytes, which is '
                r'no multiple of 27648 \(an image\)'):
            STL10(str(copy_of_three), check_counts=False)

    def test_labels_for_other_images(self, copy_of_three):
        (copy_of_three / 'train_y.bin').write_bytes(bytes([1, 2]))
        with pytest.raises(
                ValueError, match='train_y.bin has 2 labels for 3 images'):
            STL10(str(copy_of_three), check_counts=False)

    @pytest.mark.parametrize('label', [0, 11])
    def test_labels_of_another_data_set(self, copy_of_three, label):
        (copy_of_three / 'train_y.bin').write_bytes(bytes([1, label, 2]))
        with pytest.raises(
                ValueError, match=f'has the label {label}, expected 1 to 10'):
            STL10(str(copy_of_three), check_counts=False)

    def test_another_split(self, tmp_path):
        with pytest.raises(ValueError, match="split must be one of .*'val'"):
            STL10(str(tmp_path), 'val')


def build(root, split, views):
    init_default_scope('mmpretrain')
    pipeline = [dict(type='PackInputs')]
    if views:
        pipeline.insert(0, dict(
            type='MultiView',
            num_views=[views],
            transforms=[[dict(type='RandomFlip', prob=1.)]]))
    return DATASETS.build(dict(
        type='STL10',
        data_root=str(root),
        split=split,
        check_counts=False,
        pipeline=pipeline))


def test_packed_inputs(three):
    packed = build(three, 'test', views=0)[1]
    np.testing.assert_array_equal(
        packed['inputs'].permute(1, 2, 0).numpy(), expected_image(1))
    assert packed['data_samples'].gt_label.tolist() == [0]


def test_two_views_know_their_image(three):
    packed = build(three, 'unlabeled', views=2)[2]
    assert isinstance(packed['inputs'], list)
    flipped = torch.from_numpy(expected_image(2)[:, ::-1].copy())
    for view in packed['inputs']:
        assert torch.equal(view, flipped.permute(2, 0, 1))
    assert packed['data_samples'].metainfo['sample_idx'] == 2


def test_worker_processes_read_it(three):
    data = build(three, 'train', views=0)
    data[0]  # the file is open before there are workers
    loader = DataLoader(data, num_workers=2, collate_fn=pseudo_collate)
    for number, batch in enumerate(loader):
        np.testing.assert_array_equal(
            batch['inputs'][0].permute(1, 2, 0).numpy(),
            expected_image(number))
