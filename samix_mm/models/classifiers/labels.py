"""Class labels of mixed images, and the loss any head gives for them."""
from typing import List

import torch
from mmengine.model import BaseDataPreprocessor
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from ...utils.lam import Lam, lam_like

NO_BATCH_AUGMENTS = (
    'SAMixClassifier mixes images itself and needs hard labels, but {found}; '
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
        raise ValueError('SAMixClassifier needs a classification head, got '
                         'head=None')
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


def mixed_loss(head: nn.Module, feats, label_i: Tensor, label_j: Tensor,
               lam: Lam) -> Tensor:
    """The mixup loss (Eq. 3) as a head gives it.

    Args:
        head (nn.Module): Any classification head of MMPretrain. One with
            ``loss_mix`` is asked for that; another one is given soft labels,
            as by MMPretrain's batch augmentations.
        feats (Tuple[Tensor]): Features of the mixed images.
        label_i (Tensor): Class indices of the first images, (N, ).
        label_j (Tensor): Class indices of their partners, (N, ).
        lam (float | Tensor): Share of the first image, one number or shape
            (N, ).

    Returns:
        Tensor: The loss, a scalar.
    """
    if hasattr(head, 'loss_mix'):
        return head.loss_mix(feats, label_i, label_j, lam)['loss']
    classes = torch.arange(head.num_classes, device=label_i.device)
    onehot_i, onehot_j = (
        (label.unsqueeze(1) == classes).float()
        for label in (label_i, label_j))  # (N, K)
    lam = lam_like(lam, onehot_i).unsqueeze(1)  # (N, 1)
    scores = lam * onehot_i + (1 - lam) * onehot_j  # (N, K)
    # Batch augmentations leave the first label in place as well, and heads
    # with a margin read it. Of shape (1, ) it need not be read by the host.
    samples = [
        DataSample().set_gt_label(label).set_gt_score(score)
        for label, score in zip(label_i.unsqueeze(1), scores)
    ]
    return head.loss(feats, samples)['loss']
