from functools import partial
from typing import Dict, List, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmpretrain.models import BaseSelfSupervisor
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.pooling import pool
from ...utils.validation import (check_backbone, check_choice, check_count,
                                 check_part, check_positive, check_some_weight,
                                 check_weight)
from ..clusters import OnlineClusters
from ..encoders import forward_with_stage
from ..mixing import MixingMethod, Mixture, Sources
from ..mixing_algorithm import MixingAlgorithm, refuse_unknown
from .contrastive_losses import contrast_clean, contrast_mixed, ema_momentum
from .key_queue import enqueue, random_queue
from .objectives import MixingObjective
from .views import (VIEWS, BatchShuffle, MatchedViews, View, embed,
                    match_views, similarities, similarity, two_views)

#: What to write for a head.
HEAD = "dict(type='EtaBalancedContrastiveHead')"
#: Arguments of earlier versions.
MOVED = dict(
    variant=lambda value: "objective=dict(type='ClusterObjective') or "
    "objective=dict(type='InfoNCEObjective')",
    num_clusters=lambda value: "objective=dict(type='ClusterObjective', "
    f'num_clusters={value!r})',
    clusters=lambda value: "objective=dict(type='ClusterObjective', ...) with "
    'the arguments of clusters',
    cross_view=lambda value: "views='cross'" if value else "views='same'")


@MODELS.register_module()
class MixMoCo(MixingAlgorithm, BaseSelfSupervisor):
    r"""MoCo v2 with any mixing method (Secs. 3.1, 3.2, A.1.3).

    Args:
        backbone (dict): Config of the backbone.
        neck (dict): Config of the projector.
        head (dict): Config of a contrastive head. Its ``temperature`` is that
            of all losses; one with ``loss_mix`` trains with that on mixed
            images.
        mixing (dict): Config of the mixing method, such as
            ``dict(type='CutMix')``.
        objective (dict): Config of what a method that learns is trained by:
            ``dict(type='InfoNCEObjective')`` as in SAMix-I, or
            ``dict(type='ClusterObjective', num_clusters=200)`` as in SAMix-C.
            Defaults to the former.
        views (str): 'cross', 'same' or 'query', as :func:`match_views` says.
            Defaults to 'cross'.
        queue_len (int): Number of negative keys. Defaults to 65536.
        feat_dim (int): Length of an embedding. Defaults to 128.
        nce_weight (float): Weight of the loss on clean images. Defaults to
            1.0.
        mix_weight (float): Weight of the loss on mixed images. Defaults to
            1.0.
        momentum (float): First weight *kept* by the momentum network at an
            update, in [0, 1], which is the paper's and MMSelfSup's
            convention. MMPretrain's ``MoCo`` means the weight of the online
            network: a number above 0 and below 0.5 can only be meant so, and
            is read as ``1 - momentum``. Defaults to 0.999.
        end_momentum (float): Last one, reached on a half cosine. Defaults to
            1.0.
        feature_stage (int, optional): As in
            :class:`~samix_mm.models.MixClassifier`. Defaults to None.
        feature_net (dict, optional): As in
            :class:`~samix_mm.models.MixClassifier`. Defaults to None.
        pretrained (str, optional): As in ``MoCo``.
        data_preprocessor (dict, optional): As in ``MoCo``.
        init_cfg (dict, optional): As in ``MoCo``.

    Raises:
        TypeError: If ``head`` is not contrastive, a part no config, or an
            argument belongs elsewhere.
        ValueError: If an argument is out of its range; the message says what
            is allowed.
    """

    num_sources = frozenset({2})

    def __init__(self,
                 backbone: dict,
                 neck: dict,
                 head: dict,
                 mixing: Union[dict, MixingMethod],
                 objective: Union[dict, MixingObjective] = dict(
                     type='InfoNCEObjective'),
                 views: str = 'cross',
                 queue_len: int = 65536,
                 feat_dim: int = 128,
                 nce_weight: float = 1.0,
                 mix_weight: float = 1.0,
                 momentum: float = 0.999,
                 end_momentum: float = 1.0,
                 feature_stage: Optional[int] = None,
                 feature_net: Optional[Union[dict, nn.Module]] = None,
                 pretrained: Optional[str] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[Union[List[dict], dict]] = None,
                 **unknown) -> None:
        refuse_unknown(type(self).__name__, unknown, MOVED)
        check_backbone(backbone)
        check_part('neck', neck, "dict(type='MoCoV2Neck', ...)")
        check_part('head', head, HEAD)
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            pretrained=pretrained,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg)
        if not hasattr(self.head, 'temperature'):
            raise TypeError('head must be a contrastive head such as '
                            f'{HEAD}, got {type(self.head).__name__}')
        check_positive('head.temperature', self.head.temperature)
        check_count('queue_len', queue_len)
        check_count('feat_dim', feat_dim)
        self.views = check_choice('views', VIEWS, views)
        self.nce_weight = check_weight('nce_weight', nce_weight)
        self.mix_weight = check_weight('mix_weight', mix_weight)
        self.init_mixing(
            mixing,
            online=dict(backbone=self.backbone, neck=self.neck),
            momentum_net=True,
            momentum=ema_momentum(momentum),
            end_momentum=end_momentum,
            feature_stage=feature_stage,
            feature_net=feature_net)
        check_some_weight(
            nce_weight=nce_weight,
            mix_weight=mix_weight,
            **self.mixing.loss_weights())
        self.register_buffer('queue', random_queue(feat_dim, queue_len))
        self.register_buffer('queue_ptr', self.queue.new_zeros(1).long())
        self.objective = _build_objective(objective, self.mixing)
        self.objective.set_up(self.backbone, feat_dim, self.head.temperature)

    @property
    def clusters(self) -> Optional[OnlineClusters]:
        """OnlineClusters, optional: The objective's, for hooks."""
        return getattr(self.objective, 'clusters', None)

    def loss(self, inputs: List[Tensor], data_samples: list,
             **kwargs) -> Dict[str, Tensor]:
        """One training step (Secs. 3.1, A.1.3): all losses for one backward
        pass. The momentum update follows the optimizer's step.

        Args:
            inputs (List[Tensor]): Two views with shape (N, 3, H, W), N >= 2.
            data_samples (List[DataSample]): Their ``sample_idx`` are used by
                an objective with clusters.

        Returns:
            Dict[str, Tensor]: Scalars by name: ``loss_nce``, ``loss_mix``,
            the method's and the objective's own, weighted; and for the log
            what these log.
        """
        self.require_momentum_updates()
        inputs_q, inputs_k = two_views(inputs)  # (N, 3, H, W)
        index = self.objective.index_of(data_samples)  # (N, )
        step = self.begin_step()

        view_q = self.momentum_view(inputs_q, keys=self.views != 'query')
        view_k = self.momentum_view(inputs_k)
        first, second = match_views(view_q, view_k, self.views)
        views = MatchedViews(first, second, self.until_backward(self.queue),
                             index)
        sources = self.sources(views)
        losses = self.mixing_losses(step, sources,
                                    partial(self.momentum_loss, views))
        pairing = self.mixing.draw(len(inputs_q), inputs_q.device)
        mixture = self.mixing.mix(sources, pairing)  # M mixed images
        losses.update(
            step.release(
                self.clean_losses(inputs_q, view_k.keys, views.negatives)))
        losses.update(self.online_losses(mixture, views))
        losses.update(self.objective.own_losses(views))
        losses.update(
            self.after_backward(self.objective.update, index, view_k.keys))
        self.after_backward(enqueue, self.queue, self.queue_ptr, view_k.keys)
        losses.update(self.mixing.log_vars())
        return step.hand_over(losses)

    @torch.no_grad()
    def momentum_view(self, inputs: Tensor, keys: bool = True) -> View:
        """Step 1: what the momentum network makes of a view.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            keys (bool): Whether its embeddings are anybody's positives;
                without, the pass goes no further than features are needed.
                Defaults to True.

        Returns:
            View: The images with their features and keys.

        Raises:
            ValueError: If keys are not of the queue's length.
        """
        if not keys and not self.objective.needs_pooled:
            return View(inputs)
        network, batch = self.momentum_net, BatchShuffle()
        shuffled, feats, pooled = batch.shuffle(inputs), None, None
        if self.feature_stage is None:
            outputs = network.backbone(shuffled)
        else:
            outputs, feats = forward_with_stage(network.backbone,
                                                self.feature_stage, shuffled)
            feats = batch.restore(feats)  # (N, C, h, w)
        if self.objective.needs_pooled:
            pooled = batch.restore(pool(outputs))  # (N, C_out)
        embeddings = F.normalize(network.neck(outputs)[0], dim=1)
        if embeddings.size(1) != self.queue.size(0):
            raise ValueError(
                f'feat_dim must be {embeddings.size(1)}, the length of the '
                f"neck's embeddings, got {self.queue.size(0)}")
        return View(inputs, feats, pooled, batch.restore(embeddings))

    def sources(self, views: MatchedViews) -> Sources:
        """What the mixing method may look at.

        Args:
            views (MatchedViews): The views of the batch.

        Returns:
            Sources: First images and partners, with pseudo-labels where the
            objective has them.
        """
        first, second, _, index = views

        def features_of(view: View) -> Tensor:
            return (
                self.features_of(view.inputs)
                if view.feats is None else view.feats)

        def features() -> Union[Tensor, Tuple[Tensor, Tensor]]:
            # One view serves both, and is looked at once.
            if second is first:
                return features_of(first)
            return features_of(first), features_of(second)

        return Sources(
            first.inputs,
            second.inputs,
            labels=self.objective.labels_of(index),
            features=features)

    def momentum_loss(self, views: MatchedViews, mixture: Mixture,
                      eta: float) -> Tensor:
        """The objective that a method learns by (Eqs. 8 and 11), through the
        momentum network.

        Args:
            views (MatchedViews): What was mixed.
            mixture (Mixture): M images, mixed from two sources each.
            eta (float): Weight of the global term, in [0, 1].

        Returns:
            Tensor: The loss, a scalar.
        """
        return self.objective.mixture_loss(self.momentum_net, views, mixture,
                                           eta)

    def clean_losses(self, inputs: Tensor, keys: Tensor,
                     negatives: Tensor) -> Dict[str, Tensor]:
        """Step 3: the online network on clean images (Eq. 2).

        Args:
            inputs (Tensor): View q with shape (N, 3, H, W).
            keys (Tensor): Keys of view k, (N, feat_dim).
            negatives (Tensor): The queue, (feat_dim, K).

        Returns:
            Dict[str, Tensor]: ``loss_nce``; empty with ``nce_weight=0``.
        """
        if not self.nce_weight:
            return {}
        queries = embed(self, inputs)  # (N, feat_dim)
        loss = contrast_clean(self.head, similarity(queries, keys),
                              queries @ negatives)
        return dict(loss_nce=self.nce_weight * loss)

    def online_losses(self, mixture: Mixture,
                      views: MatchedViews) -> Dict[str, Tensor]:
        """Step 3: the online network on its mixed images (Eqs. 4 and 10).

        Args:
            mixture (Mixture): M mixed images.
            views (MatchedViews): What was mixed.

        Returns:
            Dict[str, Tensor]: ``loss_mix``; empty with ``mix_weight=0``.
        """
        if not self.mix_weight:
            return {}
        with self.mixing_inside(mixture) as inputs:
            queries = embed(self, inputs)  # (M, feat_dim)
        sim_i, sim_j = similarities(queries, views, mixture.index)  # (M, )
        loss = contrast_mixed(self.head, sim_i, sim_j,
                              queries @ views.negatives, mixture.shares[:, 0])
        return dict(loss_mix=self.mix_weight * loss)

    @torch.no_grad()
    def cluster_features(self, view: Tensor) -> Tensor:
        """What clusters are made of: momentum embeddings.

        Args:
            view (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: Shape (N, feat_dim).
        """
        return embed(self.momentum_net, view)


def _build_objective(objective: Union[dict, MixingObjective],
                     mixing: MixingMethod) -> MixingObjective:
    check_part('objective', objective, "dict(type='InfoNCEObjective')")
    if isinstance(objective, dict):
        objective = MODELS.build(objective)
    if not isinstance(objective, MixingObjective):
        raise TypeError(
            "objective must be one such as dict(type='InfoNCEObjective'), got "
            f'{type(objective).__name__}')
    if objective.needs_pooled and not (mixing.learns
                                       or 'labels' in mixing.needs):
        raise ValueError(
            f'{type(objective).__name__} trains a mixing method, but '
            f'{type(mixing).__name__} has nothing to learn or is frozen; '
            "leave 'objective' out or write mixing=dict(type='SAMix')")
    return objective
