from copy import deepcopy
from functools import partial
from typing import Dict, List, Optional, Tuple, Union

from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.validation import (check_backbone, check_choice, check_flag,
                                 check_share, check_some_weight, check_weight)
from ..losses.eta_balanced_cross_entropy import eta_balanced_cross_entropy
from ..mixing import MixingMethod, Mixture, Sources
from ..mixing.pairing import part_of_batch
from ..mixing_algorithm import MixingAlgorithm, refuse_unknown
from .labels import (check_num_classes, hard_labels, mixed_loss,
                     refuse_soft_labels, with_accuracy)

#: Arguments of earlier versions.
MOVED = dict(onehot_weight=lambda value: f'clean_weight={value!r}')


@MODELS.register_module()
class MixClassifier(MixingAlgorithm, ImageClassifier):
    r"""Image classification with any mixing method (Secs. 2.2, A.1.2).

    An ``ImageClassifier`` whose training images are mixed by ``mixing``. By
    default it learns from mixed images alone, and costs what its method does.
    A method that learns brings a momentum network (``momentum_net``) with it,
    through which it is trained and which follows the online network; that
    needs :class:`~samix_mm.engine.EMAMomentumHook` in the config.

    The online network keeps the checkpoint keys of ``ImageClassifier``.

    Args:
        backbone (dict): Config of the backbone.
        mixing (dict): Config of the mixing method, such as
            ``dict(type='FMix', alpha=0.2)``. ``dict(type='Vanilla')`` does
            not mix.
        neck (dict, optional): Config of the neck. Defaults to None.
        head (dict): Config of a classification head. A head with a method
            ``loss_mix`` trains with that on mixed images, any other with
            soft labels, as under MMPretrain's batch augmentations.
        mix_weight (float): Weight of the loss on mixed images. Defaults to
            1.0.
        mix_batch_ratio (float): Share of the batch that is mixed at all, with
            partners among itself, in (0, 1]. Defaults to 1.0.
        clean_weight (float): Weight of the cross-entropy on clean images; 0
            does without that pass. Defaults to 0.
        clean_head (bool): Whether clean images have a head of their own;
            without, this is `RegMixup <https://arxiv.org/abs/2206.14502>`_.
            Defaults to True.
        momentum_net (bool): Whether to keep a momentum network for prediction
            where the method does not need one. Defaults to False.
        momentum (float): First weight kept by the momentum network at an
            update, in [0, 1]. Defaults to 0.999.
        end_momentum (float): Last one, reached on a half cosine. Defaults to
            1.0.
        feature_stage (int, optional): Stage of the backbone that gives
            features to a method that needs them: the resolution level in
            hierarchical backbones, where the final one is 4, the block in
            plain transformers. None means 3 or half the depth, as in the
            paper. Defaults to None.
        feature_net (dict, optional): Config of a frozen backbone that gives
            the features in place of the momentum network, with its weights in
            ``init_cfg``. Defaults to None.
        pretrained (str, optional): As in ``ImageClassifier``.
        train_cfg (dict, optional): Must have no ``augments``: mixing is the
            method's work. Defaults to None.
        test_cfg (dict, optional): ``predict_on`` names the head that
            predicts, one of :attr:`predictors`. Defaults to None,
            'online_mixed'.
        data_preprocessor (dict, optional): As in ``ImageClassifier``.
        init_cfg (dict, optional): As in ``ImageClassifier``.

    Raises:
        TypeError: If a part is no config, or an argument belongs elsewhere.
        ValueError: If an argument is out of its range; the message says what
            is allowed.
    """

    def __init__(self,
                 backbone: dict,
                 mixing: Union[dict, MixingMethod],
                 neck: Optional[dict] = None,
                 head: Optional[dict] = None,
                 mix_weight: float = 1.0,
                 mix_batch_ratio: float = 1.0,
                 clean_weight: float = 0.,
                 clean_head: bool = True,
                 momentum_net: bool = False,
                 momentum: float = 0.999,
                 end_momentum: float = 1.0,
                 feature_stage: Optional[int] = None,
                 feature_net: Optional[Union[dict, nn.Module]] = None,
                 pretrained: Optional[str] = None,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None,
                 **unknown) -> None:
        refuse_unknown(type(self).__name__, unknown, MOVED)
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
        self.mix_weight = check_weight('mix_weight', mix_weight)
        self.mix_batch_ratio = check_share('mix_batch_ratio', mix_batch_ratio)
        self.clean_weight = check_weight('clean_weight', clean_weight)
        self.clean_head = None
        if check_flag('clean_head', clean_head) and clean_weight:
            self.clean_head = deepcopy(self.head)
            if not mix_weight:
                # DDP would wait for its gradients.
                self.head.requires_grad_(False)
        # Accuracy on mixed images means nothing.
        self.head.cal_acc = False
        self.init_mixing(
            mixing,
            online=dict(
                backbone=self.backbone,
                neck=self.neck,
                head=self.head,
                clean_head=self.clean_head),
            momentum_net=momentum_net,
            momentum=momentum,
            end_momentum=end_momentum,
            feature_stage=feature_stage,
            feature_net=feature_net)
        check_some_weight(
            clean_weight=clean_weight,
            mix_weight=mix_weight,
            **self.mixing.loss_weights())
        self.predict_on = _predictor(test_cfg, self.predictors)

    @property
    def predictors(self) -> List[str]:
        """List[str]: Networks with the heads that can predict."""
        networks = ['online']
        if self.momentum_net is not None:
            networks.append('momentum')
        heads = ['mixed'] if self.clean_head is None else ['mixed', 'clean']
        return [f'{network}_{head}' for network in networks for head in heads]

    def loss(self, inputs: Tensor,
             data_samples: List[DataSample]) -> Dict[str, Tensor]:
        """One training step (Sec. A.1.2): all losses for one backward pass.

        The fourth step of the paper, the momentum update, follows the
        optimizer's: :meth:`update_momentum_net`.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W), N >= 2.
            data_samples (List[DataSample]): Their class labels.

        Returns:
            Dict[str, Tensor]: Scalars by name: ``loss_mix``, ``loss_clean``
            and the method's own, weighted; and for the log what the method
            logs and the accuracy on clean images.
        """
        self.require_momentum_updates()
        labels = hard_labels(data_samples)  # (N, )
        num_mixed = part_of_batch(self.mix_batch_ratio, len(inputs))
        images = inputs[:num_mixed]  # (P, 3, H, W)
        sources = Sources(
            images,
            labels=labels[:num_mixed],
            features=partial(self.features_of, images))
        step = self.begin_step()

        losses = self.mixing_losses(step, sources,
                                    partial(self.momentum_loss, labels))
        pairing = self.mixing.draw(num_mixed, inputs.device)
        mixture = self.mixing.mix(sources, pairing)  # M mixed images
        losses.update(step.release(self.clean_losses(inputs, data_samples)))
        losses.update(self.online_losses(mixture, labels))
        losses.update(self.mixing.log_vars())
        return step.hand_over(losses)

    def momentum_loss(self, labels: Tensor, mixture: Mixture,
                      eta: float) -> Tensor:
        """The objective that a method learns by: the momentum network's
        eta-balanced cross-entropy (Eqs. 8 and 11).

        Args:
            labels (Tensor): Class indices of the batch, (N, ).
            mixture (Mixture): M images, mixed from two sources each.
            eta (float): Weight of the global term, in [0, 1].

        Returns:
            Tensor: The loss, a scalar.
        """
        network = self.momentum_net
        cls_score = network.head(_features(network, mixture.inputs))  # (M, K)
        label_i, label_j = labels[mixture.index].unbind(dim=1)  # (M, ) both
        return eta_balanced_cross_entropy(cls_score, label_i, label_j,
                                          mixture.shares[:, 0], eta).mean()

    def clean_losses(self, inputs: Tensor,
                     data_samples: List[DataSample]) -> Dict[str, Tensor]:
        """Step 3: the online network on clean images.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            data_samples (List[DataSample]): Their class labels.

        Returns:
            Dict[str, Tensor]: ``loss_clean`` and the accuracy; empty with
            ``clean_weight=0``.
        """
        if not self.clean_weight:
            return {}
        head = self.head if self.clean_head is None else self.clean_head
        with with_accuracy(head):
            losses = head.loss(self.extract_feat(inputs), data_samples)
        loss = self.clean_weight * losses.pop('loss')
        accuracy = {f'clean_{name}': acc for name, acc in losses.items()}
        return dict(loss_clean=loss, **accuracy)

    def online_losses(self, mixture: Mixture,
                      labels: Tensor) -> Dict[str, Tensor]:
        """Step 3: the online network on mixed images (Eqs. 3 and 10).

        Args:
            mixture (Mixture): M mixed images.
            labels (Tensor): Class indices of the batch, (N, ).

        Returns:
            Dict[str, Tensor]: ``loss_mix``; empty with ``mix_weight=0``.
        """
        if not self.mix_weight:
            return {}
        with self.mixing_inside(mixture) as inputs:
            feats = self.extract_feat(inputs)
        loss = mixed_loss(self.head, feats, labels[mixture.index],
                          mixture.shares)
        return dict(loss_mix=self.mix_weight * loss)

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
            ValueError: If there is no such head.
        """
        check_choice('predict_on', self.predictors, self.predict_on)
        network, head = self.predict_on.split('_')
        source = self if network == 'online' else self.momentum_net
        head = source.head if head == 'mixed' else source.clean_head
        return head.predict(_features(source, inputs), data_samples, **kwargs)


def _predictor(test_cfg: Optional[dict], predictors: List[str]) -> str:
    """Read the name of a head from ``test_cfg``."""
    test_cfg = {} if test_cfg is None else test_cfg
    if not isinstance(test_cfg, dict) or set(test_cfg) - {'predict_on'}:
        raise ValueError(
            "test_cfg must be such as dict(predict_on='online_mixed'), got "
            f'{test_cfg!r}')
    name = test_cfg.get('predict_on')
    if name is None:
        return predictors[0]
    if name not in predictors:
        raise ValueError(
            f'test_cfg.predict_on must be one of {predictors}, got {name!r}; '
            'clean heads need clean_weight > 0, momentum ones '
            'momentum_net=True')
    return name


def _features(source: nn.Module, inputs: Tensor) -> Tuple[Tensor, ...]:
    """Features of the online or the momentum network, after the neck."""
    feats = source.backbone(inputs)
    return feats if source.neck is None else source.neck(feats)
