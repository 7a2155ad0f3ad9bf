from typing import List

import numpy as np
from mmpretrain.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.validation import check_choice

SPLITS = ('train', 'test')

#: Every fifth image is tested on: 1,437 train and 360 test images.
TEST_EVERY = 5


@DATASETS.register_module()
class Digits(BaseDataset):
    """Scikit-learn's handwritten digits: 8x8 grey images of 10 classes.

    They come with the installed package (``sklearn.datasets.load_digits``,
    1,797 images of the UCI data set), so that nothing is downloaded. Images
    are given as three equal uint8 channels in [0, 255]; the split is fixed.

    Args:
        split (str): 'train' or 'test'. Defaults to 'train'.
        **kwargs: Other arguments of MMPretrain's ``BaseDataset``.

    Raises:
        ValueError: If the split is another one.
    """

    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))

    def __init__(self, split: str = 'train', **kwargs) -> None:
        self.split = check_choice('split', SPLITS, split)
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> List[dict]:
        """Read the images of the split.

        Returns:
            List[dict]: For each image ``img`` (8, 8, 3) and ``gt_label``.
        """
        from sklearn.datasets import load_digits
        digits = load_digits()
        tested = np.arange(len(digits.target)) % TEST_EVERY == 0
        chosen = tested if self.split == 'test' else ~tested
        images = np.round(digits.images[chosen] * (255 / 16)).astype(np.uint8)
        return [
            dict(img=np.repeat(image[..., None], 3, axis=-1),
                 gt_label=int(label))
            for image, label in zip(images, digits.target[chosen])
        ]

    def extra_repr(self) -> List[str]:
        return [f'Split: \t{self.split}'] + super().extra_repr()
