from typing import Optional

import numpy as np
import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.nn import Module

from ...models.clusters.online_clusters import OnlineClusters
from ...registry import HOOKS
from ...utils.unwrapping import unwrap
from ...utils.validation import check_count
from ..utils.feature_pass import all_features
from ..utils.labels import true_labels


@HOOKS.register_module()
class OnlineClusterHook(Hook):
    """Start the clusters of an algorithm before training and refresh them.

    The algorithm updates its :class:`OnlineClusters` itself, batch by batch.
    Before the first training the hook lets it compute the features of the
    whole data set, by :func:`all_features`, and clusters them; a resumed run
    has its memory from the checkpoint.

    Args:
        refresh_interval (int): Refresh centroids and repair small clusters
            every so many iterations. Defaults to 10, as in ODC.
        nmi_interval (int): Every so many epochs, compare the clusters with
            the true labels, if the data set has them: the normalised mutual
            information is logged, as ``cluster_nmi`` in the lines of the
            following iterations. 0 means never. Defaults to 1.

    Raises:
        ValueError: If ``refresh_interval`` is below 1 or ``nmi_interval``
            below 0.
    """

    priority = 'NORMAL'

    def __init__(self,
                 refresh_interval: int = 10,
                 nmi_interval: int = 1) -> None:
        self.refresh_interval = check_count('refresh_interval',
                                            refresh_interval)
        self.nmi_interval = check_count(
            'nmi_interval', nmi_interval, least=0, note=' (0 means never)')
        self._true_labels: Optional[np.ndarray] = None

    def before_train(self, runner: Runner) -> None:
        """Cluster the data set, unless a checkpoint has brought clusters.

        Raises:
            TypeError: If the model has no clusters.
            ValueError: If there are more clusters than images, images do not
                have numbers of their own, or the checkpoint's clusters are
                of another number of images.
        """
        model = unwrap(runner.model)
        clusters = _clusters(model)
        dataset = runner.train_dataloader.dataset
        if not clusters.started:
            seed = _shared_seed(runner)
            feats = all_features(model, runner.train_dataloader, seed)
            clusters.start(feats, seed=seed)
            _tell_averaged_copies(runner, clusters)
        elif len(clusters.labels) != len(dataset):
            raise ValueError(
                f'the checkpoint has clusters of {len(clusters.labels)} '
                f'images, but the training data set has {len(dataset)}; to '
                'start from its weights with other data, remove the '
                "'objective.clusters.' entries from its state_dict")
        if self.nmi_interval > 0 and is_main_process():
            self._true_labels = true_labels(dataset)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Refresh the clusters, if it is their turn."""
        if self.every_n_train_iters(runner, self.refresh_interval):
            _clusters(unwrap(runner.model)).refresh()

    def after_train_epoch(self, runner: Runner) -> None:
        """Compare the clusters with the true labels."""
        if (self._true_labels is not None
                and self.every_n_epochs(runner, self.nmi_interval)):
            nmi = _clusters(unwrap(runner.model)).nmi(self._true_labels)
            runner.message_hub.update_scalar('train/cluster_nmi', nmi)
            # LoggerHook shows the value in the next epoch, if there is one
            print_log(
                f'Epoch(train) [{runner.epoch + 1}]  cluster_nmi: {nmi:.4f}',
                logger='current')


def _tell_averaged_copies(runner: Runner, clusters: OnlineClusters) -> None:
    """Let copies that were made before the clusters were started have them:
    MMEngine averages buffers of equal shapes."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            copy = _clusters(hook.ema_model.module)
            copy.load_state_dict(clusters.state_dict())


def _shared_seed(runner: Runner) -> int:
    # randomness.diff_rank_seed gives each process another one
    seed = torch.tensor(runner.seed)
    broadcast(seed)
    return seed.item()


def _clusters(model: Module) -> OnlineClusters:
    clusters = getattr(model, 'clusters', None)
    if clusters is None:
        raise TypeError(
            'OnlineClusterHook needs an algorithm with clusters, got '
            f'{type(model).__name__} without; write '
            "objective=dict(type='ClusterObjective') in the algorithm of the "
            'config or remove the hook')
    return clusters
