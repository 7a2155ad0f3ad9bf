from pathlib import Path
from typing import List, Optional

import numpy as np
from mmpretrain.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.validation import check_choice

SPLITS = ('train', 'test', 'unlabeled')

#: Sec. A.1.1: 5k labelled, 8k test and 100k unlabelled images.
NUM_IMAGES = dict(train=5_000, test=8_000, unlabeled=100_000)

#: What ``class_names.txt`` of the archive lists.
CLASSES = ('airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey',
           'ship', 'truck')

#: Channels, columns, rows: https://cs.stanford.edu/~acoates/stl10/
STORED_SHAPE = (3, 96, 96)
BYTES_PER_IMAGE = 3 * 96 * 96

ARCHIVE = 'stl10_binary.tar.gz'


class ImageFile:
    """The images of one file, read from disk one at a time.

    The file of the unlabelled images has 2.8 GB. It is mapped into memory
    when the first image is asked for, in each process anew: a pickle or a
    deep copy of a NumPy map would hold all of its pixels.

    Args:
        path (Path): The file.
        length (int): How many images it has.
    """

    def __init__(self, path: Path, length: int) -> None:
        self.path = path
        self.length = length
        self._stored: Optional[np.ndarray] = None

    def __getitem__(self, position: int) -> np.ndarray:
        """A copy of one image, (96, 96, 3), uint8 BGR."""
        if self._stored is None:
            self._stored = np.memmap(
                self.path,
                dtype=np.uint8,
                mode='r',
                shape=(self.length, *STORED_SHAPE))
        # From (channel, column, row), as MATLAB wrote it.
        image = self._stored[position].transpose(2, 1, 0)[..., ::-1]
        return np.array(image, order='C')

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _stored=None)


@DATASETS.register_module()
class STL10(BaseDataset):
    """STL-10 as its archive ``stl10_binary.tar.gz`` unpacks: ::

        stl10_binary
        ├── class_names.txt
        ├── train_X.bin
        ├── train_y.bin
        ├── test_X.bin
        ├── test_y.bin
        ├── unlabeled_X.bin
        └── ...

    A sample has ``img`` (96, 96, 3), uint8 in [0, 255] and BGR, as
    ``LoadImageFromFile`` gives it and MMPretrain's colour transforms expect
    it: write ``to_rgb=True`` in the data preprocessor. It has a
    ``gt_label`` in [0, 9] unless the split is 'unlabeled', and a
    ``sample_idx``. Images are read from disk when they are asked for. The ten
    folds of
    ``fold_indices.txt`` are not used.

    Args:
        data_root (str): The folder ``stl10_binary``.
        split (str): 'train' (5,000 images), 'test' (8,000) or 'unlabeled'
            (100,000). Defaults to 'train'.
        check_counts (bool): Whether to insist on the published numbers of
            images. Defaults to True.
        **kwargs: Other arguments of MMPretrain's ``BaseDataset``; the
            default of ``test_mode`` is True for the test split.

    Raises:
        FileNotFoundError: If a file of the split is missing.
        ValueError: If the split is another one, a file is cut off, images
            are missing, or labels do not fit the images.
    """

    METAINFO = dict(classes=CLASSES)

    def __init__(self,
                 data_root: str,
                 split: str = 'train',
                 check_counts: bool = True,
                 **kwargs) -> None:
        self.split = check_choice('split', SPLITS, split)
        self.check_counts = check_counts
        kwargs.setdefault('test_mode', split == 'test')
        names = Path(data_root) / 'class_names.txt'
        if names.is_file() and 'classes' not in kwargs:
            kwargs['classes'] = tuple(names.read_text().split())
        super().__init__(ann_file='', data_root=data_root, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Measure the file of the images, and read the labels.

        Returns:
            List[dict]: ``position`` of each image in the file and, where
            there are labels, its ``gt_label``.
        """
        path = self._existing_file(f'{self.split}_X.bin')
        size = path.stat().st_size
        length, rest = divmod(size, BYTES_PER_IMAGE)
        if rest or not length:
            raise ValueError(
                f'{path} has {size} bytes, which is no multiple of '
                f'{BYTES_PER_IMAGE} (an image) above 0: the file was cut off; '
                f'unpack {ARCHIVE} again')
        if self.check_counts and length != NUM_IMAGES[self.split]:
            raise ValueError(
                f'STL-10 {self.split} in {path.parent} has {length} images, '
                f'expected {NUM_IMAGES[self.split]}: unpack {ARCHIVE} again, '
                'or pass check_counts=False to use a part')
        self.images = ImageFile(path, length)
        data_list = [dict(position=position) for position in range(length)]
        if self.split != 'unlabeled':
            for info, label in zip(data_list, self._read_labels(length)):
                info['gt_label'] = label
        return data_list

    def get_data_info(self, idx: int) -> dict:
        """Read one sample.

        Args:
            idx (int): Index of the sample.

        Returns:
            dict: ``img``, ``sample_idx`` and, where there are labels,
            ``gt_label``.
        """
        info = super().get_data_info(idx)
        info['img'] = self.images[info.pop('position')]
        return info

    def extra_repr(self) -> List[str]:
        return [f'Split: \t{self.split}'] + super().extra_repr()

    def _read_labels(self, length: int) -> List[int]:
        path = self._existing_file(f'{self.split}_y.bin')
        labels = np.fromfile(path, dtype=np.uint8)
        if len(labels) != length:
            raise ValueError(
                f'{path} has {len(labels)} labels for {length} images: unpack '
                f'{ARCHIVE} again')
        wrong = labels[(labels < 1) | (labels > len(CLASSES))]
        if len(wrong):
            raise ValueError(
                f'{path} has the label {wrong[0]}, expected 1 to '
                f'{len(CLASSES)}: unpack {ARCHIVE} again')
        return (labels.astype(int) - 1).tolist()

    def _existing_file(self, name: str) -> Path:
        path = Path(self.data_root) / name
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} is missing: data_root must be the folder '
                f'stl10_binary that {ARCHIVE} unpacks to')
        return path
