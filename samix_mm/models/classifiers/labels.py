"""Class labels of mixed images, and the loss any head gives for them."""
from contextlib import contextmanager
from typing import Iterator, List, Tuple

import torch
from mmengine.model import BaseDataPreprocessor
from mmpretrain.structures import DataSample
from torch import Tensor, nn

NO_BATCH_AUGMENTS = (
    'mixing algorithms mix images themselves and need hard labels, but '
    '{found}; '
    "write model = dict(train_cfg=None, ...) and leave 'to_onehot' and "
    "'batch_augments' out of the data_preprocessor")


def refuse_soft_labels(data_preprocessor: BaseDataPreprocessor) -> None:
    """Refuse batch augmentations such as MMPretrain's MixUp.

    Args:
        data_preprocessor (BaseDataPreprocessor): The model's.

    Raises:
        ValueError: If it augments batches or makes one-hot labels.
    """
    for name in ('batch_augments', 'to_onehot'):
        if getattr(data_preprocessor, name, None):
            raise ValueError(
                NO_BATCH_AUGMENTS.format(
                    found=f'the data preprocessor has {name}'))


def check_num_classes(head: nn.Module) -> None:
    """Check that there are two classes to mix.

    Args:
        head (nn.Module): The online head.

    Raises:
        ValueError: If there is no head, or one for fewer than two classes.
    """
    if head is None:
        raise ValueError('a classification head is needed, got head=None')
    num_classes = getattr(head, 'num_classes', 2)
    if num_classes < 2:
        raise ValueError('head.num_classes must be 2 or more to mix classes, '
                         f'got {num_classes}')


def hard_labels(data_samples: List[DataSample]) -> Tensor:
    """Collect the class indices of a batch.

    Args:
        data_samples (List[DataSample]): Each with one ``gt_label``.

    Returns:
        Tensor: Class indices with shape (N, ).

    Raises:
        ValueError: If there are soft labels, or several for an image.
    """
    if any('gt_score' in sample for sample in data_samples):
        raise ValueError(
            NO_BATCH_AUGMENTS.format(found='the labels are soft (gt_score)'))
    labels = torch.cat([sample.gt_label for sample in data_samples])
    if len(labels) != len(data_samples):
        raise ValueError('each image must have one label, got '
                         f'{len(labels)} labels for {len(data_samples)} '
                         'images')
    return labels


def mixed_loss(head: nn.Module, feats: Tuple[Tensor, ...], labels: Tensor,
               shares: Tensor) -> Tensor:
    """The mixup loss (Eq. 3) as a head gives it.

    Args:
        head (nn.Module): Any classification head of MMPretrain. One with
            ``loss_mix`` is asked for that where two images are mixed; else it
            is given soft labels, as by MMPretrain's batch augmentations.
        feats (Tuple[Tensor]): Features of the mixed images.
        labels (Tensor): Class indices of the R sources, (M, R).
        shares (Tensor): Their weights, (M, R).

    Returns:
        Tensor: The loss, a scalar.
    """
    num_sources = labels.size(1)
    if num_sources == 2 and hasattr(head, 'loss_mix'):
        return head.loss_mix(feats, *labels.unbind(dim=1),
                             shares[:, 0])['loss']
    # Batch augmentations leave the first label in place as well, and heads
    # with a margin read it. Of shape (1, ) it need not be read by the host.
    samples = [DataSample().set_gt_label(label) for label in labels[:, :1]]
    if num_sources > 1:
        scores = soft_labels(labels, shares, head.num_classes)  # (M, K)
        for sample, score in zip(samples, scores):
            sample.set_gt_score(score)
    return head.loss(feats, samples)['loss']


def soft_labels(labels: Tensor, shares: Tensor, num_classes: int) -> Tensor:
    """Label weights by class.

    Args:
        labels (Tensor): Class indices of the R sources, (M, R).
        shares (Tensor): Their weights, (M, R).
        num_classes (int): Number of classes K.

    Returns:
        Tensor: Shape (M, K).
    """
    classes = torch.arange(num_classes, device=labels.device)
    onehot = labels.unsqueeze(2) == classes  # (M, R, K)
    return (shares.unsqueeze(2) * onehot).sum(dim=1)


@contextmanager
def with_accuracy(head: nn.Module) -> Iterator[None]:
    """Let a head compute the training accuracy, on images that are clean.

    Args:
        head (nn.Module): A classification head.
    """
    before = getattr(head, 'cal_acc', False)
    head.cal_acc = True
    try:
        yield
    finally:
        head.cal_acc = before
