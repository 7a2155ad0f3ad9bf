from pathlib import Path
from typing import List

from mmpretrain.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.validation import check_choice
from .counts import check_counts

SPLITS = ('train', 'val')

#: Sec. A.1.1: 100,000 training and 10,000 validation images of 200 classes.
NUM_IMAGES = dict(train=100_000, val=10_000)
NUM_CLASSES = 200


@DATASETS.register_module()
class TinyImageNet(BaseDataset):
    """Tiny-ImageNet as its archive ``tiny-imagenet-200.zip`` unpacks: ::

        tiny-imagenet-200
        ├── wnids.txt
        ├── words.txt
        ├── train
        │   └── n01443537
        │       └── images
        │           ├── n01443537_0.JPEG
        │           └── ...
        └── val
            ├── images
            │   ├── val_0.JPEG
            │   └── ...
            └── val_annotations.txt

    The labels of its ``test`` folder were never published. Classes are
    numbered in the order of ``wnids.txt``.

    Args:
        data_root (str): The folder ``tiny-imagenet-200``.
        split (str): 'train' or 'val'. Defaults to 'train'.
        check_counts (bool): Whether to insist on the published numbers of
            images and classes. Defaults to True.
        **kwargs: Other arguments of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: If a file of the layout is missing.
        ValueError: If the split is another one, or images are missing.
    """

    def __init__(self,
                 data_root: str,
                 split: str = 'train',
                 check_counts: bool = True,
                 **kwargs) -> None:
        self.split = check_choice('split', SPLITS, split)
        self.check_counts = check_counts
        kwargs.setdefault('test_mode', split == 'val')
        root = Path(data_root)
        classes = _read_lines(root / 'wnids.txt')
        super().__init__(
            ann_file='',
            data_root=data_root,
            metainfo=dict(classes=tuple(classes)),
            **kwargs)

    def load_data_list(self) -> List[dict]:
        """Find the images of the split.

        Returns:
            List[dict]: ``img_path`` and ``gt_label`` of each image.
        """
        root = Path(self.data_root)
        labels = {name: label for label, name in enumerate(self.CLASSES)}
        if self.split == 'train':
            images = [(path, name) for name in labels for path in sorted(
                (root / 'train' / name / 'images').glob('*.JPEG'))]
        else:
            rows = _read_lines(root / 'val' / 'val_annotations.txt')
            names = (row.split('\t')[:2] for row in rows)
            images = [(root / 'val' / 'images' / file, name)
                      for file, name in names]
            images = [(path, name) for path, name in images if path.exists()]
        data_list = [
            dict(img_path=str(path), gt_label=labels[name])
            for path, name in images
        ]
        if self.check_counts:
            check_counts(f'Tiny-ImageNet {self.split} in {root}', data_list,
                         NUM_IMAGES[self.split], NUM_CLASSES)
        return data_list

    def extra_repr(self) -> List[str]:
        return [f'Split: \t{self.split}'] + super().extra_repr()


def _read_lines(path: Path) -> List[str]:
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} is missing: data_root must be the folder that '
            'tiny-imagenet-200.zip unpacks to')
    return path.read_text().split('\n')[:-1]
