from typing import Dict, List, Tuple, Union

import torch
from mmengine.dist import all_gather, get_world_size
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop, ValLoop, autocast
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ...evaluation.knn import KNNAccuracy
from ...registry import LOOPS
from ...utils.pooling import pool
from ...utils.unwrapping import unwrap


def one_view(inputs: Union[Tensor, list]) -> Tensor:
    """The images of a batch as one tensor, however they were collated.

    ``SelfSupDataPreprocessor`` takes each item of a list for a view of all
    images, and would reverse the rows instead of the channels of single
    images; ``ClsDataPreprocessor`` takes it for an image.

    Args:
        inputs (Tensor | list): Images with shape (N, C, H, W); or as
            ``pseudo_collate`` gives them, a list of N with shape (C, H, W);
            or a list with either of these for each view.

    Returns:
        Tensor: The images with shape (N, C, H, W).

    Raises:
        ValueError: If there are several views, or several sizes.
    """
    if torch.is_tensor(inputs):
        return inputs
    if not torch.is_tensor(inputs[0]) or inputs[0].dim() == 4:
        if len(inputs) != 1:
            raise ValueError(
                f'kNN evaluation needs one view of each image, got '
                f"{len(inputs)}; the pipelines of the bank's and of the "
                "evaluated data must be without type='MultiView'")
        return one_view(inputs[0])
    sizes = {tuple(image.shape) for image in inputs}
    if len(sizes) > 1:
        raise ValueError(
            f'the images of a batch must be of one size, got {sorted(sizes)};'
            ' resize and crop them in the pipeline')
    return torch.stack(list(inputs))


def pooled_features(model: nn.Module, inputs: Tensor) -> Tensor:
    """One feature vector for each image, from the backbone's last output.

    Args:
        model (nn.Module): Any model with a ``backbone``, such as
            MMPretrain's ``ImageClassifier`` and ``BaseSelfSupervisor``, or a
            wrapper of one.
        inputs (Tensor): Preprocessed images with shape (N, C, H, W).

    Returns:
        Tensor: Features with shape (N, D); maps are averaged over space.

    Raises:
        ValueError: If the backbone gives neither vectors nor maps.
    """
    model = unwrap(model)
    return pool(model.backbone(inputs))


def gather_rows(rows: Tensor, size: int) -> Tensor:
    """Put the rows of all ranks in the order in which they were dealt out.

    Args:
        rows (Tensor): This rank's rows, shape (n, ...); n may differ.
        size (int): Length of the data set; what the sampler added to it to
            give all ranks the same number comes last and is left out.

    Returns:
        Tensor: The rows of all ranks, at most ``size``.
    """
    if get_world_size() == 1:
        return rows[:size]
    lengths = torch.cat(all_gather(torch.tensor([len(rows)])))  # (W, )
    longest = int(lengths.max())
    padded = rows.new_zeros(longest, *rows.shape[1:])
    padded[:len(rows)] = rows
    dealt = torch.stack(all_gather(padded), dim=1)  # (n, W, ...)
    real = torch.arange(longest).unsqueeze(1) < lengths  # (n, W)
    return dealt[real.to(dealt.device)][:size]


class _KNNMixin:
    """Classify images by their nearest neighbours among the bank's.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader | dict): Of the images to classify.
        evaluator (Evaluator | dict | list): With a ``KNNAccuracy``.
        bank_dataloader (DataLoader | dict): Of the labelled neighbours:
            training images, in the pipeline of the evaluation.
        fp16 (bool): Whether features are computed in mixed precision.
            Defaults to False.

    Raises:
        ValueError: If there is no ``KNNAccuracy``, the images are not such
            as :func:`one_view` and :func:`pooled_features` take them, or the
            bank's have no labels.
    """

    def __init__(self,
                 runner: Runner,
                 dataloader: Union[DataLoader, Dict],
                 evaluator: Union[Evaluator, Dict, List],
                 bank_dataloader: Union[DataLoader, Dict],
                 fp16: bool = False) -> None:
        super().__init__(runner, dataloader, evaluator, fp16=fp16)
        self.bank_dataloader = runner.build_dataloader(
            bank_dataloader,
            seed=runner.seed,
            diff_rank_seed=runner._randomness_cfg.get('diff_rank_seed',
                                                      False))
        self.knn_metrics = [
            metric for metric in self.evaluator.metrics
            if isinstance(metric, KNNAccuracy)
        ]
        if not self.knn_metrics:
            names = [type(metric).__name__ for metric in
                     self.evaluator.metrics]
            raise ValueError(
                f'{type(self).__name__} needs a KNNAccuracy, got {names}; '
                f"write {self.stage}_evaluator = dict(type='KNNAccuracy')")

    def run(self) -> dict:
        """Fill the bank and evaluate.

        Returns:
            dict: The metrics by name.
        """
        self.runner.call_hook(f'before_{self.stage}')
        self.runner.call_hook(f'before_{self.stage}_epoch')
        self.runner.model.eval()
        bank = self._bank()
        try:
            for metric in self.knn_metrics:
                metric.set_bank(*bank)
            for idx, data_batch in enumerate(self.dataloader):
                self.run_iter(idx, data_batch)
            metrics = self.evaluator.evaluate(len(self.dataloader.dataset))
        finally:
            # Training goes on and needs the memory.
            for metric in self.knn_metrics:
                metric.clear_bank()
        self.runner.call_hook(f'after_{self.stage}_epoch', metrics=metrics)
        self.runner.call_hook(f'after_{self.stage}')
        return metrics

    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Evaluate one batch.

        Args:
            idx (int): Its number.
            data_batch (dict): The batch.
        """
        self.runner.call_hook(
            f'before_{self.stage}_iter', batch_idx=idx, data_batch=data_batch)
        feats, data_samples = self._extract(data_batch)
        for feat, sample in zip(feats, data_samples):
            sample.set_field(feat, 'feat')
        self.evaluator.process(
            data_samples=data_samples, data_batch=data_batch)
        self.runner.call_hook(
            f'after_{self.stage}_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=data_samples)

    @torch.no_grad()
    def _extract(self, data_batch: dict) -> Tuple[Tensor, list]:
        model = unwrap(self.runner.model)
        # SelfSupDataPreprocessor goes by the order and knows no other keys.
        batch = dict(
            inputs=one_view(data_batch['inputs']),
            data_samples=data_batch.get('data_samples'))
        batch = model.data_preprocessor(batch, False)
        with autocast(enabled=self.fp16):
            feats = pooled_features(model, batch['inputs'])
        return feats, batch['data_samples']

    def _bank(self) -> Tuple[Tensor, Tensor]:
        """Features (M, D) and labels (M, ), those of all ranks."""
        feats, labels = [], []
        for data_batch in self.bank_dataloader:
            batch_feats, data_samples = self._extract(data_batch)
            if not data_samples or any('gt_label' not in sample
                                       for sample in data_samples):
                raise ValueError('the images of bank_dataloader must have '
                                 'labels, got some without gt_label')
            feats.append(batch_feats)
            labels += [sample.gt_label for sample in data_samples]
        if not feats:
            raise ValueError('bank_dataloader gave no images; it has '
                             f'{len(self.bank_dataloader.dataset)}, and '
                             'drop_last=True leaves out an incomplete batch')
        size = len(self.bank_dataloader.dataset)
        labels = torch.cat(labels).to(feats[0].device)
        return (gather_rows(torch.cat(feats), size), gather_rows(labels, size))


@LOOPS.register_module()
class KNNValLoop(_KNNMixin, ValLoop):
    """``val_cfg = dict(type='KNNValLoop', bank_dataloader=dict(...))``
    follows a pre-training with ``val_evaluator = dict(type='KNNAccuracy')``.
    """

    stage = 'val'


@LOOPS.register_module()
class KNNTestLoop(_KNNMixin, TestLoop):
    """``test_cfg = dict(type='KNNTestLoop', bank_dataloader=dict(...))``
    tests a checkpoint with ``test_evaluator = dict(type='KNNAccuracy')``."""

    stage = 'test'
