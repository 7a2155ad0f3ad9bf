"""What is wrong with the training data is said before the first step."""
from typing import Optional

import numpy as np
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Dataset

from .labels import true_labels


def check_batches(dataloader: DataLoader) -> None:
    """Refuse a loader without batches, or with a batch of one image, now and
    not at the end of the epoch.

    Args:
        dataloader (DataLoader): Of the training. Batches of a batch sampler
            of its own are not checked.

    Raises:
        ValueError: If there would be no batch, one of a single image, or
            not the same number in all processes.
    """
    batch_size, sampler = dataloader.batch_size, dataloader.sampler
    if batch_size is None:
        return
    num_images = len(dataloader.dataset)
    world_size = getattr(sampler, 'world_size', 1)
    if not getattr(sampler, 'round_up', True) and num_images % world_size:
        raise ValueError(
            f'{world_size} processes do not get the same number of the '
            f'{num_images} images and would wait for each other; set '
            'train_dataloader.sampler.round_up=True')
    num_samples = len(sampler)
    rest = 0 if isinstance(sampler, InfiniteSampler) else (
        num_samples % batch_size)
    if dataloader.drop_last and rest == num_samples:
        raise ValueError(
            f'the training data has {num_samples} images, fewer than one '
            f'batch of {batch_size}, and train_dataloader.drop_last=True '
            'leaves them out; lower train_dataloader.batch_size or set '
            'train_dataloader.drop_last=False')
    if batch_size == 1 or (rest == 1 and not dataloader.drop_last):
        raise ValueError(
            'mixing needs at least 2 images in a batch, but '
            f'{num_samples} images in batches of {batch_size} leave a batch '
            'of 1; choose another train_dataloader.batch_size or set '
            'train_dataloader.drop_last=True')


def check_labels(dataset: Dataset, num_classes: Optional[int]) -> None:
    """Refuse labels that the head has no class for.

    On a GPU such a label is a failed assertion of a kernel, some steps later
    and without a name. The labels of a million images take a few seconds.

    Args:
        dataset (Dataset): Of the training. One that does not tell its labels
            (``get_gt_labels``), or has several for an image, is not checked.
        num_classes (int, optional): Of the head. None if it has no classes.

    Raises:
        ValueError: If a label is not in [0, num_classes).
    """
    if num_classes is None:
        return
    for part in getattr(dataset, 'datasets', [dataset]):
        labels = true_labels(part)
        if labels is None:
            continue
        wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
        if len(wrong):
            raise ValueError(
                f'{_describe(part, int(wrong[0]), int(labels[wrong[0]]))}, '
                f'but model.head.num_classes={num_classes} allows 0 to '
                f'{num_classes - 1} ({len(wrong)} of {len(labels)} images '
                'have such labels); set model.head.num_classes to the number '
                'of classes, or take these images out of the training data')


def _describe(dataset: Dataset, index: int, label: int) -> str:
    """Which image it is, and what its class is called."""
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
    name = f' ({classes[label]!r})' if 0 <= label < len(classes) else ''
    info = dataset.get_data_info(index) if hasattr(
        dataset, 'get_data_info') else {}
    image = info.get('img_path', f'image {index} of the training data')
    return f'{image} has the label {label}{name}'
