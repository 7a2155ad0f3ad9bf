from typing import Optional

import numpy as np
from torch.utils.data import Dataset


def true_labels(dataset: Dataset) -> Optional[np.ndarray]:
    """The labels of a data set, if it has one for each image.

    Args:
        dataset (Dataset): Any data set.

    Returns:
        np.ndarray, optional: Whole numbers with shape (n, ), or None.
    """
    try:
        labels = np.asarray(dataset.get_gt_labels())
    except (AttributeError, KeyError, NotImplementedError, TypeError,
            ValueError):
        # data sets say in different ways that they have no labels, or several
        return None
    known = labels.shape == (len(dataset), ) and labels.dtype.kind in 'iu'
    return labels if known else None
