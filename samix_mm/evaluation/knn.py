from typing import Any, Dict, List, Optional, Sequence, Union

import torch
import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmpretrain.evaluation import Accuracy
from torch import Tensor

from ..registry import METRICS
from ..utils.validation import check_count, check_positive

NEEDS_LOOP = (
    'KNNAccuracy got no {missing}; it is evaluated by a loop that extracts '
    "features: write val_cfg = dict(type='KNNValLoop', "
    "bank_dataloader=dict(...)), or test_cfg with type='KNNTestLoop'")


def knn_scores(feats: Tensor,
               bank_feats: Tensor,
               bank_labels: Tensor,
               num_classes: int,
               k: int = 20,
               temperature: float = 0.07,
               chunk_size: int = 1024) -> Tensor:
    r"""Class scores of a weighted k-nearest-neighbour classifier.

    As in Sec. 3.4 of `Unsupervised Feature Learning via Non-Parametric
    Instance Discrimination <https://arxiv.org/abs/1805.01978>`_: each of the
    k neighbours of the highest cosine similarity :math:`s` votes for its
    class with the weight :math:`\exp(s / \tau)`.

    Similarities are computed in float32 or better, for some queries at a
    time: a chunk takes memory for ``chunk_size`` times M of them.

    Args:
        feats (Tensor): Features of the queries, shape (N, D), of any length:
            they are normalised here.
        bank_feats (Tensor): Features of the neighbours, shape (M, D).
        bank_labels (Tensor): Their class indices in [0, C), shape (M, ).
        num_classes (int): Number of classes, C.
        k (int): Number of neighbours, in [1, M]. Defaults to 20.
        temperature (float): :math:`\tau`, above 0. Defaults to 0.07.
        chunk_size (int): Number of queries at a time. Defaults to 1024.

    Returns:
        Tensor: The scores with shape (N, C), which sum to 1 for each query.

    Raises:
        ValueError: If an argument is out of its range or the shapes do not
            fit.
    """
    _check_settings(k, temperature, chunk_size)
    _check_bank(bank_feats, bank_labels, k)
    if feats.dim() != 2 or feats.shape[1] != bank_feats.shape[1]:
        raise ValueError('feats must have the shape (N, D) with the bank\'s '
                         f'D={bank_feats.shape[1]}, got {tuple(feats.shape)}')
    if bank_labels.min() < 0 or bank_labels.max() >= num_classes:
        raise ValueError(
            f'bank_labels must be in [0, num_classes={num_classes}), got '
            f'{int(bank_labels.min())} to {int(bank_labels.max())}')
    dtype = torch.promote_types(feats.dtype, torch.float32)
    bank_labels = bank_labels.long()
    bank = F.normalize(bank_feats.to(dtype), dim=1)  # (M, D)
    scores = bank.new_zeros(len(feats), num_classes)
    for rows, votes in zip(feats.split(chunk_size), scores.split(chunk_size)):
        similarity = F.normalize(rows.to(dtype), dim=1) @ bank.t()  # (n, M)
        nearest, index = similarity.topk(k, dim=1)  # (n, k)
        # The largest similarity cancels in the sum of 1 below; without it
        # low temperatures overflow: exp(1 / 0.01) is beyond float32.
        weights = ((nearest - nearest[:, :1]) / temperature).exp()
        votes.scatter_add_(1, bank_labels[index], weights)
    return scores / scores.sum(dim=1, keepdim=True)


@METRICS.register_module()
class KNNAccuracy(BaseMetric):
    """Accuracy of a weighted kNN classifier on frozen features.

    :class:`~samix_mm.engine.KNNValLoop` and
    :class:`~samix_mm.engine.KNNTestLoop` give it the features::

        val_evaluator = dict(type='KNNAccuracy', k=20, topk=(1, 5))
        val_cfg = dict(type='KNNValLoop', bank_dataloader=dict(...))

    The metrics are ``knn/top1`` and so on, in percent. A class that none of
    the neighbours has is never among the predictions: with ``k=1`` the top 5
    are the top 1.

    Args:
        k (int): Number of neighbours. Defaults to 20; the paper uses 200.
        temperature (float): Temperature of their weights, above 0, see
            :func:`knn_scores`. Defaults to 0.07, as in the paper.
        topk (int | Sequence[int]): Which top-k accuracies to report.
            Defaults to ``(1, )``.
        chunk_size (int): Number of images classified at a time. Defaults to
            1024.
        collect_device (str): As in MMEngine's ``BaseMetric``: 'cpu' or
            'gpu'. Defaults to 'cpu'.
        prefix (str, optional): What the names of the metrics begin with.
            None means 'knn'. Defaults to None.

    Raises:
        ValueError: If an argument is out of its range.
    """

    default_prefix = 'knn'

    def __init__(self,
                 k: int = 20,
                 temperature: float = 0.07,
                 topk: Union[int, Sequence[int]] = (1, ),
                 chunk_size: int = 1024,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        _check_settings(k, temperature, chunk_size)
        self.topk = (tuple(topk) if isinstance(topk, (list, tuple)) else
                     (topk, ))
        if not self.topk:
            raise ValueError(f'topk must be numbers of 1 or more, got {topk}')
        for number in self.topk:
            check_count('topk', number)
        self.k = k
        self.temperature = temperature
        self.chunk_size = chunk_size
        self.clear_bank()

    def set_bank(self, feats: Tensor, labels: Tensor) -> None:
        """Set the neighbours; they stay on their device, and the others are
        classified there.

        Args:
            feats (Tensor): Features with shape (M, D).
            labels (Tensor): Class indices with shape (M, ).

        Raises:
            ValueError: If the shapes do not fit, or there are fewer than
                ``k``.
        """
        _check_bank(feats, labels, self.k)
        self._bank = (feats, labels)

    def clear_bank(self) -> None:
        """Free the memory of the neighbours."""
        self._bank = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the features of a batch.

        Args:
            data_batch: The batch, which is not needed.
            data_samples (Sequence[dict | DataSample]): Each with ``feat`` of
                shape (D, ) and one ``gt_label``.

        Raises:
            ValueError: If a sample has no features, or not one label.
        """
        for sample in data_samples:
            feat, label = sample.get('feat'), sample.get('gt_label')
            if feat is None:
                raise ValueError(NEEDS_LOOP.format(missing='features'))
            if label is None or torch.as_tensor(label).numel() != 1:
                raise ValueError('KNNAccuracy needs images with one gt_label '
                                 f'each, got gt_label={label}')
            # A row shares the memory of its batch, and all of that would be
            # pickled with it when the ranks' results are collected.
            self.results.append(
                dict(
                    feat=feat.detach().cpu().clone(),
                    gt_label=torch.as_tensor(label).reshape(1).cpu()))

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Classify all images.

        Args:
            results (List[dict]): What :meth:`process` kept, of all ranks.

        Returns:
            Dict[str, float]: ``top1`` and so on, in percent.

        Raises:
            ValueError: If there is no bank, or a top-k is asked for that is
                larger than the number of classes.
        """
        if self._bank is None:
            raise ValueError(NEEDS_LOOP.format(missing='bank of neighbours'))
        bank_feats, bank_labels = self._bank
        classes = (self.dataset_meta or {}).get('classes') or ()
        num_classes = max(len(classes), int(bank_labels.max()) + 1)
        if max(self.topk) > num_classes:
            raise ValueError(
                f'topk={self.topk} of KNNAccuracy asks for more than the '
                f'{num_classes} classes that there are; write smaller numbers '
                'in val_evaluator and test_evaluator')
        feats = torch.stack([result['feat'] for result in results])
        scores = knn_scores(
            feats.to(bank_feats.device), bank_feats, bank_labels, num_classes,
            self.k, self.temperature, self.chunk_size).cpu()  # (N, C)
        labels = torch.cat([result['gt_label'] for result in results])
        # Its threshold of 0 leaves out the classes without a vote.
        accuracies = Accuracy.calculate(scores, labels, self.topk)
        return {
            f'top{k}': accuracy[0].item()
            for k, accuracy in zip(self.topk, accuracies)
        }


def _check_settings(k: int, temperature: float, chunk_size: int) -> None:
    check_count('k', k)
    check_count('chunk_size', chunk_size)
    check_positive('temperature', temperature)


def _check_bank(feats: Tensor, labels: Tensor, k: int) -> None:
    if feats.dim() != 2 or labels.shape != feats.shape[:1]:
        raise ValueError(
            'the bank must have features of the shape (M, D) and labels of '
            f'the shape (M, ), got {tuple(feats.shape)} and '
            f'{tuple(labels.shape)}')
    if k > len(feats):
        raise ValueError(f'k must be at most the number of images in the '
                         f'bank, {len(feats)}, got k={k}')
