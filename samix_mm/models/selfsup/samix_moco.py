from typing import Dict, List, Optional, Union

import torch.nn.functional as F
from mmpretrain.models import BaseSelfSupervisor
from torch import Tensor, nn, no_grad

from ...registry import MODELS
from ...utils.pooling import pool
from ...utils.sample_index import sample_indices
from ...utils.validation import (check_backbone, check_choice, check_count,
                                 check_flag, check_part, check_positive,
                                 check_some_weight, check_weight)
from ..encoders.feature_stage import forward_with_tap
from ..losses.eta_balanced_cross_entropy import EtaBalancedCrossEntropy
from ..losses.eta_balanced_info_nce import EtaBalancedInfoNCE
from ..mixing.blending import blend
from ..mixing.mixing_mixin import MixingMixin
from ..mixing.pairing import Pair
from .cluster_mixin import ClusterMixin, check_clusters
from .contrast import contrast_clean, contrast_mixed, kept_weight
from .key_queue import enqueue, random_queue
from .views import (BatchShuffle, View, embed, match_views, similarities,
                    similarity, two_views)

#: What trains the Mixer: SAMix-I and SAMix-C.
VARIANTS = ('infonce', 'cluster')

#: What to write for a head.
HEAD = "dict(type='EtaBalancedContrastiveHead')"


@MODELS.register_module()
class SAMixMoCo(ClusterMixin, MixingMixin, BaseSelfSupervisor):
    r"""SAMix for self-supervised learning on MoCo v2 (Secs. 3.1, 3.2, A.1.3).

    In a stock MoCo v2 config of MMPretrain (or MMSelfSup) nothing but
    ``type`` need be changed. Who trains whom:

    - the online network (``backbone``, ``neck``) learns from clean images
      with MoCo's InfoNCE, and from mixed ones with the mixup InfoNCE, whose
      denominator has both positives;
    - the Mixer learns from its own mixed images, through the frozen momentum
      network: in SAMix-I ('infonce') with the :math:`\eta`-balanced InfoNCE,
      in SAMix-C ('cluster') with the :math:`\eta`-balanced cross-entropy of a
      cluster head whose labels are found by online clustering;
    - the cluster head learns from clean momentum features alone;
    - the momentum network (``momentum_net``) follows the online one. That
      needs :class:`~samix_mm.engine.EMAMomentumHook` in the config.

    An image is mixed from a first image of view q and a partner of view k;
    its positives are the momentum embeddings of the other view of each.

    Args:
        backbone (dict): Config of the backbone.
        neck (dict): Config of the projector.
        head (dict): Config of a contrastive head. Its ``temperature`` is that
            of all losses; one with ``loss_mix`` trains with that on mixed
            images.
        queue_len (int): Number of negative keys. Defaults to 65536.
        feat_dim (int): Length of an embedding. Defaults to 128.
        momentum (float): First weight *kept* by the momentum network at an
            update, in [0, 1], which is the paper's and MMSelfSup's
            convention. MMPretrain's ``MoCo`` means the weight of the online
            network: a number above 0 and below 0.5 can only be meant so, and
            is read as ``1 - momentum``. Defaults to 0.999.
        mixer (dict, optional): Config of the mixing policy. None means
            ``dict(type='Mixer')``. Defaults to None.
        variant (str): 'infonce' or 'cluster'. Defaults to 'infonce'.
        num_clusters (int): Number of clusters C. Defaults to 200.
        clusters (dict, optional): Other arguments of
            :class:`~samix_mm.models.utils.OnlineClusters`. Defaults to None.
        cross_view (bool): False matches mixed images with the view they are
            made of, which degenerates (Fig. 3b). Defaults to True.
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            2.0.
        feature_stage (int, optional): As in
            :class:`~samix_mm.models.SAMixClassifier`. Defaults to None.
        eta (float): Weight of the global term in the Mixer's loss, in
            [0, 1]. Defaults to 0.5.
        end_momentum (float): Last weight kept by the momentum network,
            reached on a half cosine. Defaults to 1.0.
        lam_margin (float): Online images use plain MixUp for ratios outside
            [lam_margin, 1 - lam_margin]. Defaults to 0.08.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
        lam_adjust (bool): Whether the online images' masks are adjusted to
            have the ratio as their mean. Defaults to True.
        nce_weight (float): Weight of the loss on clean images. Defaults to
            1.0.
        mix_weight (float): Weight of the loss on mixed images. Defaults to
            1.0.
        mixer_weight (float): Weight of the Mixer's loss. Defaults to 1.0.
        mixer_batch_ratio (float): Share of the batch that the Mixer is
            trained on, in (0, 1]. Defaults to 1.0.
        mixer_interval (int): The Mixer is trained in every so many-th step.
            With several processes, more than 1 needs
            ``find_unused_parameters=True`` in the config. Defaults to 1.
        feature_net (dict, optional): Config of a frozen backbone that feeds
            the Mixer in place of the momentum network, with its weights in
            ``init_cfg``. Defaults to None.
        mask_loss_weight (float): First weight of the mask loss,
            :math:`\beta`. Defaults to 0.1.
        mask_loss (dict): Config of the mask loss. Defaults to
            ``dict(type='MaskLoss')``.
        pretrained (str, optional): As in ``MoCo``.
        data_preprocessor (dict, optional): As in ``MoCo``.
        init_cfg (dict, optional): As in ``MoCo``.

    Raises:
        TypeError: If ``mixer`` is no mixing policy, ``head`` not contrastive,
            or a part no config.
        ValueError: If an argument is out of its range; the message says what
            is allowed.
    """

    def __init__(self,
                 backbone: dict,
                 neck: dict,
                 head: dict,
                 queue_len: int = 65536,
                 feat_dim: int = 128,
                 momentum: float = 0.999,
                 mixer: Optional[Union[dict, nn.Module]] = None,
                 variant: str = 'infonce',
                 num_clusters: int = 200,
                 clusters: Optional[dict] = None,
                 cross_view: bool = True,
                 alpha: float = 2.0,
                 feature_stage: Optional[int] = None,
                 eta: float = 0.5,
                 end_momentum: float = 1.0,
                 lam_margin: float = 0.08,
                 lam_per_sample: bool = False,
                 lam_adjust: bool = True,
                 nce_weight: float = 1.0,
                 mix_weight: float = 1.0,
                 mixer_weight: float = 1.0,
                 mixer_batch_ratio: float = 1.0,
                 mixer_interval: int = 1,
                 feature_net: Optional[Union[dict, nn.Module]] = None,
                 mask_loss_weight: float = 0.1,
                 mask_loss: Union[dict, nn.Module] = dict(type='MaskLoss'),
                 pretrained: Optional[str] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[Union[List[dict], dict]] = None) -> None:
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
        self.variant = check_choice('variant', VARIANTS, variant)
        self.cross_view = check_flag('cross_view', cross_view)
        self.nce_weight = check_weight('nce_weight', nce_weight)
        self.mix_weight = check_weight('mix_weight', mix_weight)
        self.init_mixing(
            online=dict(backbone=self.backbone, neck=self.neck),
            mixer=mixer,
            feature_stage=feature_stage,
            feature_net=feature_net,
            mixer_batch_ratio=mixer_batch_ratio,
            mixer_interval=mixer_interval,
            mixer_weight=mixer_weight,
            alpha=alpha,
            lam_per_sample=lam_per_sample,
            lam_margin=lam_margin,
            lam_adjust=lam_adjust,
            momentum=kept_weight(momentum),
            end_momentum=end_momentum,
            mask_loss=mask_loss,
            mask_loss_weight=mask_loss_weight)
        check_some_weight(
            nce_weight=nce_weight,
            mix_weight=mix_weight,
            **self.policy_weights())
        self.register_buffer('queue', random_queue(feat_dim, queue_len))
        self.register_buffer('queue_ptr', self.queue.new_zeros(1).long())
        check_clusters(clusters, self.variant)
        self.clusters = self.cluster_head = None
        if self.variant == 'cluster':
            self.init_clusters(num_clusters, feat_dim, clusters)
            self.mixer_loss = EtaBalancedCrossEntropy(eta)
        else:
            self.mixer_loss = EtaBalancedInfoNCE(eta, self.head.temperature)

    def loss(self, inputs: List[Tensor], data_samples: list,
             **kwargs) -> Dict[str, Tensor]:
        """One training step (Secs. 3.1, A.1.3): all losses for one backward
        pass. The momentum update follows the optimizer's step.

        Args:
            inputs (List[Tensor]): Two views with shape (N, 3, H, W), N >= 2.
            data_samples (List[DataSample]): Their ``sample_idx`` are used by
                the variant 'cluster'.

        Returns:
            Dict[str, Tensor]: Scalars by name: ``loss_nce``, ``loss_mix``,
            ``loss_mixer``, ``loss_mask`` and, for 'cluster',
            ``loss_cluster``, weighted; and for the log ``lam_gap``,
            ``mask_std``, the policy's own and the clusters'.
        """
        inputs_q, inputs_k = two_views(inputs)  # (N, 3, H, W)
        pair_k, pair_q = self.draw_pairs(inputs_q)
        step = self.begin_step()
        index = None  # the images' numbers in the data set, (N, )
        if self.clusters is not None:
            index = sample_indices(data_samples)
        negatives = self.until_backward(self.queue)  # (feat_dim, K)

        view_q = self.momentum_view(inputs_q)
        view_k = self.momentum_view(inputs_k)
        first, second = match_views(view_q, view_k, self.cross_view)
        projected = self.project(first.feats, second.feats, pair_k)
        losses = {}
        if pair_k is not None:
            # (M, 1, H, W)
            mask_k = self.make_masks(first.inputs, projected, pair_k)
            losses.update(
                step.release(
                    self.mixer_losses(first, second, mask_k, pair_k,
                                      negatives, index)))
        # (N, 1, H, W)
        mask_q, pair_q = self.online_masks(first.inputs, projected, pair_q)

        losses.update(
            step.release(
                self.clean_losses(inputs_q, view_k.keys, negatives)))
        losses.update(
            self.online_losses(first, second, mask_q, pair_q, negatives))
        if self.clusters is not None:
            losses.update(self.cluster_losses(first, index))
            losses.update(
                self.after_backward(self.update_clusters, view_k.keys, index))
        self.after_backward(enqueue, self.queue, self.queue_ptr, view_k.keys)
        losses.update(self.mixer.log_vars())
        return step.hand_over(losses)

    @no_grad()
    def momentum_view(self, inputs: Tensor) -> View:
        """Step 1: what the momentum network makes of a view.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            View: The images with their features and keys.

        Raises:
            ValueError: If keys are not of the queue's length.
        """
        twin, batch = self.momentum_net, BatchShuffle()
        shuffled = batch.shuffle(inputs)
        if self.tap is None:
            outputs = twin.backbone(shuffled)
            feats = self.momentum_features(inputs)
        else:
            outputs, feats = forward_with_tap(twin.backbone, self.tap,
                                              shuffled)
            feats = batch.restore(feats)  # (N, C, h, w)
        pooled = None
        if self.clusters is not None:
            pooled = batch.restore(pool(outputs))  # (N, C_out)
        keys = F.normalize(twin.neck(outputs)[0], dim=1)
        if keys.size(1) != self.queue.size(0):
            raise ValueError(
                f'feat_dim must be {keys.size(1)}, the length of the '
                f"neck's embeddings, got {self.queue.size(0)}")
        return View(inputs, feats, pooled, batch.restore(keys))

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

    def online_losses(self, first: View, second: View, mask: Tensor,
                      pair: Pair, negatives: Tensor) -> Dict[str, Tensor]:
        """Step 3: the online network on its mixed images (Eqs. 4 and 10).

        Args:
            first (View): First images, with the keys that are their
                positives.
            second (View): Where partners come from, with theirs.
            mask (Tensor): The :meth:`online_masks`, (N, 1, H, W).
            pair (Pair): Ratios and partners.
            negatives (Tensor): The queue, (feat_dim, K).

        Returns:
            Dict[str, Tensor]: ``loss_mix``; empty with ``mix_weight=0``.
        """
        if not self.mix_weight:
            return {}
        mixed = blend(first.inputs, mask, pair.index, second.inputs)
        queries = embed(self, mixed)  # (N, feat_dim)
        loss = contrast_mixed(self.head,
                              *similarities(queries, first, second, pair),
                              queries @ negatives, pair.lam)
        return dict(loss_mix=self.mix_weight * loss)

    def mixer_losses(self, first: View, second: View, mask: Tensor, pair: Pair,
                     negatives: Tensor,
                     index: Optional[Tensor]) -> Dict[str, Tensor]:
        """Step 3: the Mixer, through the momentum network (Eq. 11); in
        SAMix-C through the cluster head as well.

        Args:
            first (View): As in :meth:`online_losses`.
            second (View): As in :meth:`online_losses`.
            mask (Tensor): The :meth:`make_masks`, (M, 1, H, W).
            pair (Pair): Ratios, and partners of the first M images.
            negatives (Tensor): The queue, (feat_dim, K), for SAMix-I.
            index (Tensor, optional): The images' numbers in the data set,
                (N, ), for SAMix-C.

        Returns:
            Dict[str, Tensor]: As :meth:`with_mask_losses`.
        """
        mixed = blend(first.inputs, mask, pair.index, second.inputs)
        if index is None:
            queries = embed(self.momentum_net, mixed)  # (M, feat_dim)
            loss = self.mixer_loss(
                *similarities(queries, first, second, pair),
                queries @ negatives, pair.lam)
        else:
            labels = self.clusters.labels_of(index)  # (N, )
            pooled = pool(self.momentum_net.backbone(mixed))  # (M, C_out)
            loss = self.mixer_loss(
                self.cluster_head.classify_frozen(pooled), labels[:len(mask)],
                labels[pair.index], pair.lam)
        return self.with_mask_losses(loss, mask, pair)
