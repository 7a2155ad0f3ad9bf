from copy import deepcopy
from typing import Dict, List, Optional, Tuple, Union

from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.validation import (check_backbone, check_choice, check_share,
                                 check_some_weight, check_weight)
from ..losses.eta_balanced_cross_entropy import EtaBalancedCrossEntropy
from ..mixing.blending import blend
from ..mixing.mixing_mixin import MixingMixin
from ..mixing.pairing import Pair, share_of
from .labels import (check_num_classes, hard_labels, mixed_loss,
                     refuse_soft_labels)

#: Network and head that predict; the first one is validated by default.
PREDICTORS = ('online_mixed', 'online_clean', 'momentum_mixed',
              'momentum_clean')


@MODELS.register_module()
class SAMixClassifier(MixingMixin, ImageClassifier):
    r"""SAMix for supervised image classification (Secs. 2.2, 3.3, A.1.2).

    An ``ImageClassifier`` whose training images are mixed by a Mixer that
    learns with it. Who trains whom:

    - the online network (``backbone``, ``neck``, ``head``) learns from mixed
      images, and with one more linear layer (``clean_head``) from clean ones;
    - the Mixer learns from its own mixed images, through the frozen momentum
      network;
    - the momentum network (``momentum_net``) follows the online one. That
      needs :class:`~samix_mm.engine.EMAMomentumHook` in the config.

    In a stock config of MMPretrain nothing but ``type`` need be changed. The
    online network keeps its checkpoint keys, and prediction is its own.

    Args:
        backbone (dict): Config of the backbone.
        neck (dict, optional): Config of the neck. Defaults to None.
        head (dict): Config of a classification head. A head with a method
            ``loss_mix`` trains with that on mixed images, any other with
            soft labels, as under MMPretrain's batch augmentations.
        mixer (dict, optional): Config of the mixing policy. None means
            ``dict(type='Mixer')``. Defaults to None.
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            2.0.
        feature_stage (int, optional): Stage of the backbone that feeds the
            Mixer: the resolution level in hierarchical backbones, where the
            final one is 4, the block in plain transformers. None means 3
            or half the depth, as in the paper. Defaults to None.
        eta (float): Weight of the global term in the Mixer's loss, in
            [0, 1]. The paper uses 0.1 on IN-1k and iNat2017. Defaults to 0.5.
        momentum (float): First weight kept by the momentum network at an
            update, in [0, 1]. Defaults to 0.999.
        end_momentum (float): Last one, reached on a half cosine. Defaults to
            1.0.
        lam_margin (float): Online images use plain MixUp for ratios outside
            [lam_margin, 1 - lam_margin]. Defaults to 0.08.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
        lam_adjust (bool): Whether the online images' masks are adjusted to
            have the ratio as their mean. Defaults to True.
        onehot_weight (float): Weight of the cross-entropy on clean images; 0
            does without that pass and its linear layer. Defaults to 1.0.
        mix_weight (float): Weight of the loss on mixed images. Defaults to
            1.0.
        mix_batch_ratio (float): Share of the batch that is mixed at all, with
            partners among itself, in (0, 1]. Defaults to 1.0.
        mixer_weight (float): Weight of the Mixer's classification loss.
            Defaults to 1.0.
        mixer_batch_ratio (float): Share of the batch that the Mixer is
            trained on, in (0, 1]. Defaults to 1.0.
        mixer_interval (int): The Mixer is trained in every so many-th step.
            With several processes, more than 1 needs
            ``find_unused_parameters=True`` in the config. Defaults to 1.
        feature_net (dict, optional): Config of a frozen backbone that feeds
            the Mixer in place of the momentum network, with its weights in
            ``init_cfg``. Defaults to None.
        mask_loss_weight (float): First weight of the mask loss,
            :math:`\beta`, which :class:`~samix_mm.engine.MaskLossAnnealHook`
            lowers to 0. Defaults to 0.1.
        mask_loss (dict): Config of the mask loss. Defaults to
            ``dict(type='MaskLoss')``.
        pretrained (str, optional): As in ``ImageClassifier``.
        train_cfg (dict, optional): Must have no ``augments``: mixing is the
            Mixer's work. Defaults to None.
        test_cfg (dict, optional): ``predict_on`` names the head that
            predicts, one of 'online_mixed', 'online_clean', 'momentum_mixed'
            and 'momentum_clean'. Defaults to None, 'online_mixed'.
        data_preprocessor (dict, optional): As in ``ImageClassifier``.
        init_cfg (dict, optional): As in ``ImageClassifier``.

    Raises:
        TypeError: If ``mixer`` is no mixing policy or a part no config.
        ValueError: If an argument is out of its range; the message says what
            is allowed.
    """

    def __init__(self,
                 backbone: dict,
                 neck: Optional[dict] = None,
                 head: Optional[dict] = None,
                 mixer: Optional[Union[dict, nn.Module]] = None,
                 alpha: float = 2.0,
                 feature_stage: Optional[int] = None,
                 eta: float = 0.5,
                 momentum: float = 0.999,
                 end_momentum: float = 1.0,
                 lam_margin: float = 0.08,
                 lam_per_sample: bool = False,
                 lam_adjust: bool = True,
                 onehot_weight: float = 1.0,
                 mix_weight: float = 1.0,
                 mix_batch_ratio: float = 1.0,
                 mixer_weight: float = 1.0,
                 mixer_batch_ratio: float = 1.0,
                 mixer_interval: int = 1,
                 feature_net: Optional[Union[dict, nn.Module]] = None,
                 mask_loss_weight: float = 0.1,
                 mask_loss: Union[dict, nn.Module] = dict(type='MaskLoss'),
                 pretrained: Optional[str] = None,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        check_backbone(backbone)
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            pretrained=pretrained,
            train_cfg=train_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg)
        refuse_soft_labels(self.data_preprocessor)
        check_num_classes(self.head)
        self.onehot_weight = check_weight('onehot_weight', onehot_weight)
        self.mix_weight = check_weight('mix_weight', mix_weight)
        self.mix_batch_ratio = check_share('mix_batch_ratio', mix_batch_ratio)
        self.predict_on = _predictor(test_cfg, onehot_weight)
        self.clean_head = deepcopy(self.head) if onehot_weight else None
        # Accuracy on mixed images means nothing, on clean ones it does.
        self.head.cal_acc = False
        if self.clean_head is not None:
            self.clean_head.cal_acc = True
        self.mixer_loss = EtaBalancedCrossEntropy(eta)
        self.init_mixing(
            online=dict(
                backbone=self.backbone,
                neck=self.neck,
                head=self.head,
                clean_head=self.clean_head),
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
            momentum=momentum,
            end_momentum=end_momentum,
            mask_loss=mask_loss,
            mask_loss_weight=mask_loss_weight)
        check_some_weight(
            onehot_weight=onehot_weight,
            mix_weight=mix_weight,
            **self.policy_weights())

    def loss(self, inputs: Tensor,
             data_samples: List[DataSample]) -> Dict[str, Tensor]:
        """One training step (Sec. A.1.2): all losses for one backward pass.

        The fourth step of the paper, the momentum update, follows the
        optimizer's: :meth:`update_momentum_net`.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W), N >= 2.
            data_samples (List[DataSample]): Their class labels.

        Returns:
            Dict[str, Tensor]: Scalars by name: ``loss_mix``,
            ``loss_onehot``, ``loss_mixer`` and ``loss_mask``, weighted; and
            for the log ``lam_gap``, ``mask_std``, the policy's own and the
            accuracy on clean images.
        """
        labels = hard_labels(data_samples)  # (N, )
        images = self.images_to_mix(inputs)  # (P, 3, H, W)
        pair_k, pair_q = self.draw_pairs(images)
        step = self.begin_step()

        feats = self.momentum_features(images)  # (P, C, h, w)
        projected = self.project(feats, pair=pair_k)
        losses = {}
        if pair_k is not None:
            mask_k = self.make_masks(images, projected, pair_k)  # (M, 1, H, W)
            losses.update(
                step.release(
                    self.mixer_losses(images, mask_k, labels, pair_k)))
        # (P, 1, H, W)
        mask_q, pair_q = self.online_masks(images, projected, pair_q)

        losses.update(step.release(self.clean_losses(inputs, data_samples)))
        losses.update(self.online_losses(images, mask_q, labels, pair_q))
        losses.update(self.mixer.log_vars())
        return step.hand_over(losses)

    def images_to_mix(self, inputs: Tensor) -> Tensor:
        """The first P = ``mix_batch_ratio`` * N images of a batch.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: Shape (P, 3, H, W).
        """
        return inputs[:share_of(self.mix_batch_ratio, len(inputs))]

    def clean_losses(self, inputs: Tensor,
                     data_samples: List[DataSample]) -> Dict[str, Tensor]:
        """Step 3: the online network on clean images.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            data_samples (List[DataSample]): Their class labels.

        Returns:
            Dict[str, Tensor]: ``loss_onehot`` and the accuracy; empty with
            ``onehot_weight=0``.
        """
        if self.clean_head is None:
            return {}
        losses = self.clean_head.loss(self.extract_feat(inputs), data_samples)
        loss = self.onehot_weight * losses.pop('loss')
        accuracy = {f'clean_{name}': acc for name, acc in losses.items()}
        return dict(loss_onehot=loss, **accuracy)

    def online_losses(self, inputs: Tensor, mask: Tensor, labels: Tensor,
                      pair: Pair) -> Dict[str, Tensor]:
        """Step 3: the online network on its mixed images (Eqs. 3 and 10).

        Args:
            inputs (Tensor): Images with shape (P, 3, H, W).
            mask (Tensor): Their :meth:`online_masks`, (P, 1, H, W).
            labels (Tensor): Class indices of these first, (N, ).
            pair (Pair): Ratios and partners.

        Returns:
            Dict[str, Tensor]: ``loss_mix``.
        """
        feats = self.extract_feat(blend(inputs, mask, pair.index))
        loss = mixed_loss(self.head, feats, labels[:len(inputs)],
                          labels[pair.index], pair.lam)
        return dict(loss_mix=self.mix_weight * loss)

    def mixer_losses(self, inputs: Tensor, mask: Tensor, labels: Tensor,
                     pair: Pair) -> Dict[str, Tensor]:
        """Step 3: the Mixer, through the momentum network (Eqs. 8 and 11).

        Args:
            inputs (Tensor): Images with shape (P, 3, H, W).
            mask (Tensor): The :meth:`make_masks`, (M, 1, H, W).
            labels (Tensor): Class indices of these first, (N, ).
            pair (Pair): Ratios, and partners of the first M images.

        Returns:
            Dict[str, Tensor]: As :meth:`with_mask_losses`.
        """
        mixed = blend(inputs, mask, pair.index)  # (M, 3, H, W)
        twin = self.momentum_net
        cls_score = twin.head(_features(twin, mixed))  # (M, K)
        loss = self.mixer_loss(cls_score, labels[:len(pair.index)],
                               labels[pair.index], pair.lam)
        return self.with_mask_losses(loss, mask, pair)

    def predict(self,
                inputs: Tensor,
                data_samples: Optional[List[DataSample]] = None,
                **kwargs) -> List[DataSample]:
        """Predict with the head that :attr:`predict_on` names.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            data_samples (List[DataSample], optional): Where to write the
                predictions. Defaults to None.
            **kwargs: Other arguments of the head's ``predict``.

        Returns:
            List[DataSample]: The predictions.

        Raises:
            ValueError: If the head does not exist (``onehot_weight=0``).
        """
        network, head_name = self.predict_on.split('_')
        source = self if network == 'online' else self.momentum_net
        head = source.head if head_name == 'mixed' else source.clean_head
        if head is None:
            raise ValueError(f'{self.predict_on} cannot predict: with '
                             'onehot_weight=0 there is no clean head')
        feats = _features(source, inputs)
        return head.predict(feats, data_samples, **kwargs)


def _predictor(test_cfg: Optional[dict], onehot_weight: float) -> str:
    """Read the name of a head from ``test_cfg``."""
    test_cfg = {} if test_cfg is None else test_cfg
    if not isinstance(test_cfg, dict) or set(test_cfg) - {'predict_on'}:
        raise ValueError(
            "test_cfg must be such as dict(predict_on='online_mixed'), got "
            f'{test_cfg!r}')
    name = check_choice('test_cfg.predict_on', PREDICTORS,
                        test_cfg.get('predict_on'))
    if name.endswith('_clean') and not onehot_weight:
        raise ValueError(
            f'test_cfg.predict_on={name!r} needs the clean head, which is not '
            'there with onehot_weight=0; raise onehot_weight or write '
            f"predict_on='{name.split('_')[0]}_mixed'")
    return name


def _features(source: nn.Module, inputs: Tensor) -> Tuple[Tensor, ...]:
    """Features of the online or the momentum network, after the neck."""
    feats = source.backbone(inputs)
    return feats if source.neck is None else source.neck(feats)
