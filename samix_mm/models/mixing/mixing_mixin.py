from typing import Any, Dict, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.lam import lam_like
from ...utils.validation import (check_count, check_flag, check_part,
                                 check_share, check_unit_interval,
                                 check_weight, is_number)
from ..encoders.feature_net import FeatureNet
from ..encoders.feature_stage import find_tap, forward_to_tap
from ..encoders.momentum_network import MomentumTwin
from ..train_step.guarded_step import GuardedStepMixin
from .blending import adjust_mask
from .method import MixingPolicy
from .pairing import Pair, PairStream, share_of


class MixingMixin(GuardedStepMixin):
    """What an algorithm needs to mix images, with labels or without.

    It holds the mixing policy (``mixer``), the momentum network
    (``momentum_net``) and the stream of ratios and partners (``pairs``), and
    makes the masks. Losses are the algorithm's own.

    ``momentum``, ``end_momentum``, ``mixer_interval`` and
    ``mask_loss_weight`` are public: hooks read and, the last one, write them.
    """

    def init_mixing(self, online: Dict[str, Optional[nn.Module]],
                    mixer: Optional[Union[dict, nn.Module]],
                    feature_stage: Optional[int],
                    feature_net: Optional[Union[dict, nn.Module]],
                    mixer_batch_ratio: float, mixer_interval: int,
                    mixer_weight: float, alpha: float,
                    lam_per_sample: bool, lam_margin: float, lam_adjust: bool,
                    momentum: float, end_momentum: float,
                    mask_loss: Union[dict, nn.Module],
                    mask_loss_weight: float) -> None:
        """Build the parts; the algorithm's docstring explains its arguments.

        Args:
            online (Dict[str, nn.Module | None]): The modules that the
                momentum network copies, by their names in the algorithm.
                ``backbone`` is one of them.

        Raises:
            TypeError: If ``mixer`` is no mixing policy, or a part no config.
            ValueError: If an argument is out of its range, or there is
                nothing for it to act on.
        """
        if not (is_number(lam_margin) and 0 <= lam_margin <= 0.5):
            raise ValueError(
                f'lam_margin must be in [0, 0.5], got {lam_margin!r}')
        self.mixer_interval = check_count('mixer_interval', mixer_interval)
        self.mixer_batch_ratio = check_share('mixer_batch_ratio',
                                             mixer_batch_ratio)
        self.mixer_weight = check_weight('mixer_weight', mixer_weight)
        self.lam_margin = lam_margin
        self.lam_adjust = check_flag('lam_adjust', lam_adjust)
        self.momentum = check_unit_interval('momentum', momentum)
        self.end_momentum = check_unit_interval('end_momentum', end_momentum)
        self.mask_loss = _build('mask_loss', mask_loss,
                                "dict(type='MaskLoss')")
        self.mask_loss_weight = check_weight('mask_loss_weight',
                                             mask_loss_weight)
        self.mixer = _build('mixer', mixer or dict(type='Mixer'),
                            "dict(type='Mixer')")
        if not isinstance(self.mixer, MixingPolicy):
            raise TypeError(
                'mixer must be a mixing policy such as '
                f"dict(type='Mixer'), got {type(self.mixer).__name__}")
        if mixer_interval > 1 and not self.mixer.trains:
            raise ValueError(
                f'mixer_interval={mixer_interval} says when the mixing policy '
                f'is trained, but {type(self.mixer).__name__} has nothing to '
                'learn or is frozen; leave mixer_interval out')
        if feature_net is not None and not self.mixer.needs_features:
            raise ValueError(
                f'feature_net feeds the Mixer, but {type(self.mixer).__name__}'
                " works without features; leave 'feature_net' out or write "
                "mixer=dict(type='Mixer')")
        self.tap = self.feature_net = None
        if self.mixer.needs_features and feature_net is not None:
            self.feature_net = FeatureNet(feature_net, feature_stage)
            self.mixer.set_in_channels(self.feature_net.tap.channels)
        elif self.mixer.needs_features:
            self.tap = find_tap(online['backbone'], feature_stage)
            self.mixer.set_in_channels(self.tap.channels)
        self.pairs = PairStream(alpha, lam_per_sample)
        self.momentum_net = MomentumTwin(**online)
        self.momentum_net.follow_on_load(self, prefix='momentum_net.')
        self.init_guard()

    def policy_weights(self) -> Dict[str, float]:
        """Dict[str, float]: The weights of the losses that train the mixing
        policy, by their names in the config; empty if it is not trained."""
        if not self.mixer.trains:
            return {}
        return dict(
            mixer_weight=self.mixer_weight,
            mask_loss_weight=self.mask_loss_weight)

    def init_weights(self) -> None:
        """Initialize the weights; the momentum network starts as a copy of
        the online one."""
        first = not self.is_init
        cfgs = self.init_cfg or []
        cfgs = [cfgs] if isinstance(cfgs, dict) else cfgs
        super().init_weights()
        # A checkpoint for the whole model has its own momentum network.
        if first and all(cfg['type'] != 'Pretrained' for cfg in cfgs):
            self.momentum_net.sync(self)

    def draw_pairs(self, inputs: Tensor) -> Tuple[Optional[Pair], Pair]:
        """Draw ratios and partners for a batch.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tuple[Pair | None, Pair]: For the mixing policy's images, the
            first M = ``mixer_batch_ratio`` * N, with partners of shape (M, )
            among them, or None if it is not trained in this step; and for the
            online network's, with partners of shape (N, ).

        Raises:
            ValueError: If there are fewer than two images.
            RuntimeError: If a training goes on without momentum updates.
        """
        self.momentum_net.require_updates()
        num_images = inputs.size(0)
        if num_images < 2:
            raise ValueError(
                'mixing needs at least 2 images in a batch, got '
                f'{num_images}; raise train_dataloader.batch_size or set '
                'train_dataloader.drop_last=True')
        num_steps = self.pairs.num_draws // 2
        num_mixer = share_of(self.mixer_batch_ratio, num_images)
        pair_k = self.pairs.draw(num_mixer, inputs.device)
        pair_q = self.pairs.draw(num_images, inputs.device)
        trains = self.mixer.trains and num_steps % self.mixer_interval == 0
        return pair_k if trains else None, pair_q

    @torch.no_grad()
    def momentum_features(self, inputs: Tensor) -> Tensor:
        """Step 1: the features that feed the Mixer, without gradient.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: The map of the momentum network or of ``feature_net``,
            shape (N, C, h, w); the images themselves for a policy without
            need of features.
        """
        if self.feature_net is not None:
            return self.feature_net(inputs)
        if self.tap is None:
            return inputs
        return forward_to_tap(self.momentum_net.backbone, self.tap, inputs)

    def project(self,
                feats: Tensor,
                partner_feats: Optional[Tensor] = None,
                pair: Optional[Pair] = None) -> Any:
        """Step 2: what all masks of the batch share.

        Args:
            feats (Tensor): Features of the images that come first,
                (N, C, h, w).
            partner_feats (Tensor, optional): Those that partners are taken
                from, same shape. None means ``feats``. Defaults to None.
            pair (Pair, optional): The pairs that the policy is trained on.
                None does without its gradients. Defaults to None.

        Returns:
            Any: What the policy makes masks of.
        """
        partner_feats = feats if partner_feats is None else partner_feats
        with torch.set_grad_enabled(pair is not None):
            return self.mixer.project(feats, partner_feats)

    def make_masks(self, inputs: Tensor, projected: Any, pair: Pair) -> Tensor:
        """Step 2: the Mixer's masks, as it makes them.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            projected (Any): Their features by :meth:`project`.
            pair (Pair): Ratios, and partners of the first M images.

        Returns:
            Tensor: The share of the first image, shape (M, 1, H, W).
        """
        return self.mixer.masks(projected, pair, tuple(inputs.shape[2:]))

    @torch.no_grad()
    def online_masks(self, inputs: Tensor, projected: Any,
                     pair: Pair) -> Tuple[Tensor, Pair]:
        """Step 2: the masks of the online network's images, without
        gradient, adjusted; those of plain MixUp for extreme ratios.

        The masks of a policy that does not learn are left as they are, and
        the ratios become what they show, as in CutMix.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            projected (Any): Their features by :meth:`project`.
            pair (Pair): Ratios and partners.

        Returns:
            Tuple[Tensor, Pair]: The share of the first image, shape
            (N, 1, H, W), and the partners with the ratios of the labels.
        """
        mask = self.make_masks(inputs, projected, pair)
        if not self.mixer.learnable:
            return mask, pair._replace(lam=mask.mean(dim=(1, 2, 3)))
        if self.lam_adjust:
            mask = adjust_mask(mask, pair.lam)
        lam = lam_like(pair.lam, mask).view(-1, 1, 1, 1)  # (N, 1, 1, 1)
        extreme = (lam < self.lam_margin) | (lam > 1 - self.lam_margin)
        return torch.where(extreme, lam, mask), pair

    def with_mask_losses(self, loss: Tensor, mask: Tensor,
                         pair: Pair) -> Dict[str, Tensor]:
        """Step 3: complete the Mixer's loss (Eq. 11).

        Args:
            loss (Tensor): Its classification or contrastive part, a scalar.
            mask (Tensor): The :meth:`make_masks`, (M, 1, H, W).
            pair (Pair): The ratios they were asked for.

        Returns:
            Dict[str, Tensor]: ``loss_mixer`` and ``loss_mask``, weighted, and
            :meth:`mask_log_vars`.
        """
        return dict(
            loss_mixer=self.mixer_weight * loss,
            loss_mask=self.mask_loss_weight * self.mask_loss(mask, pair.lam),
            **self.mask_log_vars(mask, pair))

    @staticmethod
    @torch.no_grad()
    def mask_log_vars(mask: Tensor, pair: Pair) -> Dict[str, Tensor]:
        r"""Statistics of unadjusted masks for the log.

        Args:
            mask (Tensor): Shape (N, 1, H, W).
            pair (Pair): The ratios they were asked for.

        Returns:
            Dict[str, Tensor]: ``lam_gap``, the mean of
            :math:`|\mu - \lambda|`, and ``mask_std``, the mean standard
            deviation over the positions of a mask.
        """
        mask = mask.flatten(1)  # (N, HW)
        gap = mask.mean(dim=1) - lam_like(pair.lam, mask)  # (N, )
        return dict(
            lam_gap=gap.abs().mean(), mask_std=mask.std(dim=1).mean())

    def update_momentum_net(self, momentum: float) -> None:
        """Step 4: the momentum network follows (Eq. 12).

        Args:
            momentum (float): Weight kept by it, in [0, 1].
        """
        self.momentum_net.update(self, momentum)


def _build(name: str, part: Union[dict, nn.Module],
           example: str) -> nn.Module:
    check_part(name, part, example)
    return part if isinstance(part, nn.Module) else MODELS.build(part)
