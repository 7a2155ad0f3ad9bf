import json
from pathlib import Path
from typing import List

from mmpretrain.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.validation import check_choice
from .counts import check_counts

SPLITS = ('train', 'val')

#: The competition's figures: https://github.com/visipedia/inat_comp/tree/
#: master/2017
NUM_IMAGES = dict(train=579_184, val=95_986)
NUM_CLASSES = 5_089


@DATASETS.register_module()
class INaturalist2017(BaseDataset):
    """iNaturalist 2017, as its archives unpack: ::

        inaturalist2017
        ├── train2017.json
        ├── val2017.json
        └── train_val_images
            └── Actinopterygii
                └── Abudefduf saxatilis
                    ├── <hash>.jpg
                    └── ...

    The annotations are in COCO's format; classes are numbered by their
    category ids.

    Args:
        data_root (str): The folder with the two JSON files.
        split (str): 'train' or 'val'. Defaults to 'train'.
        check_counts (bool): Whether to insist on the published numbers of
            images and classes, and that the first and the last image of
            the list are on disk. Defaults to True.
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
        super().__init__(
            ann_file=f'{split}2017.json', data_root=data_root, **kwargs)

    def load_data_list(self) -> List[dict]:
        """Read the annotations of the split.

        Returns:
            List[dict]: ``img_path`` and ``gt_label`` of each image.
        """
        root = Path(self.data_root)
        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f'{self.ann_file} is missing: data_root must be the folder '
                'with train2017.json, val2017.json and train_val_images')
        with open(self.ann_file, encoding='utf-8') as file:
            annotations = json.load(file)
        files = {
            image['id']: root / image['file_name']
            for image in annotations['images']
        }
        labels = {
            identity: label
            for label, identity in enumerate(
                sorted(item['id'] for item in annotations['categories']))
        }
        data_list = [
            dict(
                img_path=str(files[item['image_id']]),
                gt_label=labels[item['category_id']])
            for item in annotations['annotations']
        ]
        if self.check_counts:
            check_counts(f'iNaturalist 2017 {self.split} in {root}',
                         data_list, NUM_IMAGES[self.split], NUM_CLASSES)
            # Looking for each of half a million files takes minutes.
            for sample in (data_list[0], data_list[-1]):
                if not Path(sample['img_path']).is_file():
                    raise FileNotFoundError(
                        f"{sample['img_path']} is missing: unpack "
                        f'train_val_images into {root} again')
        return data_list

    def extra_repr(self) -> List[str]:
        return [f'Split: \t{self.split}'] + super().extra_repr()
