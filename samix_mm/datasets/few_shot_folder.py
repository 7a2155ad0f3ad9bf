from collections import Counter
from typing import List

from mmpretrain.datasets import CustomDataset

from ..registry import DATASETS
from ..utils.validation import check_count


@DATASETS.register_module()
class FewShotFolder(CustomDataset):
    """The first images of each class of a folder data set.

    Folders and arguments are those of MMPretrain's ``CustomDataset``; which
    images are the first is decided by their sorted names, so that the subset
    is always the same.

    Args:
        samples_per_class (int): How many images of each class are kept.
        **kwargs: Other arguments of ``CustomDataset``.

    Raises:
        ValueError: If a class has fewer images, or it is no whole number of
            1 or more.
    """

    def __init__(self, samples_per_class: int, **kwargs) -> None:
        self.samples_per_class = check_count('samples_per_class',
                                             samples_per_class)
        super().__init__(**kwargs)

    def load_data_list(self) -> List[dict]:
        """Read the folder and keep the first images of each class.

        Returns:
            List[dict]: ``img_path`` and ``gt_label`` of each image.
        """
        kept, counts = [], Counter()
        for sample in super().load_data_list():
            if counts[sample['gt_label']] < self.samples_per_class:
                counts[sample['gt_label']] += 1
                kept.append(sample)
        for label, name in enumerate(self.metainfo['classes']):
            if counts[label] < self.samples_per_class:
                raise ValueError(
                    f'class {name!r} of {self.img_prefix} has '
                    f'{counts[label]} images, but samples_per_class='
                    f'{self.samples_per_class} were asked for')
        return kept
