from typing import Dict, Optional, Tuple, Union

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..necks.mixing_policy import MixingPolicy
from .blending import adjust_mask
from .feature_tap import find_tap, forward_to_tap
from .lam import lam_like
from .momentum_twin import MomentumTwin
from .pair_stream import Pair, PairStream
from .validation import check_unit_interval, check_weight


class MixingMixin:
    """What an algorithm needs to mix images, with labels or without.

    It holds the mixing policy (``mixer``), the momentum network
    (``momentum_net``) and the stream of ratios and partners (``pairs``), and
    makes the masks. Losses are the algorithm's own.

    ``momentum``, ``end_momentum`` and ``mask_loss_weight`` are public: hooks
    read and, the last one, write them.
    """

    def init_mixing(self, online: Dict[str, Optional[nn.Module]],
                    mixer: Optional[Union[dict, nn.Module]],
                    feature_stage: Optional[int], alpha: float,
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
            TypeError: If ``mixer`` is no mixing policy.
            ValueError: If an argument is out of its range.
        """
        if not 0 <= lam_margin <= 0.5:
            raise ValueError(
                f'lam_margin must be in [0, 0.5], got {lam_margin!r}')
        self.lam_margin = lam_margin
        self.lam_adjust = lam_adjust
        self.momentum = check_unit_interval('momentum', momentum)
        self.end_momentum = check_unit_interval('end_momentum', end_momentum)
        self.mask_loss = _build(mask_loss)
        self.mask_loss_weight = check_weight('mask_loss_weight',
                                             mask_loss_weight)
        self.mixer = _build(mixer or dict(type='Mixer'))
        if not isinstance(self.mixer, MixingPolicy):
            raise TypeError(
                'mixer must be a mixing policy such as '
                f"dict(type='Mixer'), got {type(self.mixer).__name__}")
        self.tap = None
        if self.mixer.needs_features:
            self.tap = find_tap(online['backbone'], feature_stage)
            self.mixer.set_in_channels(self.tap.channels)
        self.pairs = PairStream(alpha, lam_per_sample)
        self.momentum_net = MomentumTwin(**online)
        self.momentum_net.follow_on_load(self, prefix='momentum_net.')

    def init_weights(self) -> None:
        """Initialize the weights; the momentum network starts as a copy of
        the online one."""
        first = not self.is_init
        super().init_weights()
        # A checkpoint for the whole model has its own momentum network.
        if first and (self.init_cfg or {}).get('type') != 'Pretrained':
            self.momentum_net.sync(self)

    def draw_pair(self, inputs: Tensor) -> Pair:
        """Draw ratios and partners for a batch.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Pair: The ratio or ratios, and partners of shape (N, ).

        Raises:
            ValueError: If there are fewer than two images.
            RuntimeError: If a training goes on without momentum updates.
        """
        self.momentum_net.require_updates()
        if inputs.size(0) < 2:
            raise ValueError(
                'mixing needs at least 2 images in a batch, got '
                f'{inputs.size(0)}; raise train_dataloader.batch_size or set '
                'train_dataloader.drop_last=True')
        return self.pairs.draw(inputs.size(0), inputs.device)

    @torch.no_grad()
    def momentum_features(self, inputs: Tensor) -> Tensor:
        """Step 1: the features that feed the Mixer, without gradient.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: The momentum network's map, shape (N, C, h, w); the
            images themselves for a policy without need of features.
        """
        if self.tap is None:
            return inputs
        return forward_to_tap(self.momentum_net.backbone, self.tap, inputs)

    def make_masks(self,
                   inputs: Tensor,
                   feats: Tensor,
                   pair: Pair,
                   partner_feats: Optional[Tensor] = None) -> Tensor:
        """Step 2: the Mixer's masks, as it makes them.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            feats (Tensor): Their :meth:`momentum_features`, (N, C, h, w).
            pair (Pair): Ratios and partners.
            partner_feats (Tensor, optional): Features that the partners' are
                taken from, same shape. None means ``feats``. Defaults to
                None.

        Returns:
            Tensor: The share of the first image, shape (N, 1, H, W).
        """
        partner_feats = feats if partner_feats is None else partner_feats
        return self.mixer(feats, partner_feats[pair.index], pair.lam,
                          tuple(inputs.shape[2:]))

    @torch.no_grad()
    def online_masks(
            self,
            inputs: Tensor,
            feats: Tensor,
            pair: Pair,
            partner_feats: Optional[Tensor] = None) -> Tuple[Tensor, Pair]:
        """Step 2: the masks of the online network's images, without
        gradient, adjusted; those of plain MixUp for extreme ratios.

        The masks of a policy that does not learn are left as they are, and
        the ratios become what they show, as in CutMix.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).
            feats (Tensor): Their :meth:`momentum_features`, (N, C, h, w).
            pair (Pair): Ratios and partners.
            partner_feats (Tensor, optional): As in :meth:`make_masks`.

        Returns:
            Tuple[Tensor, Pair]: The share of the first image, shape
            (N, 1, H, W), and the partners with the ratios of the labels.
        """
        mask = self.make_masks(inputs, feats, pair, partner_feats)
        if not self.mixer.learnable:
            return mask, pair._replace(lam=mask.mean(dim=(1, 2, 3)))
        if self.lam_adjust:
            mask = adjust_mask(mask, pair.lam)
        lam = lam_like(pair.lam, mask).view(-1, 1, 1, 1)  # (N, 1, 1, 1)
        extreme = (lam < self.lam_margin) | (lam > 1 - self.lam_margin)
        return torch.where(extreme, lam, mask), pair

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


def _build(part: Union[dict, nn.Module]) -> nn.Module:
    return part if isinstance(part, nn.Module) else MODELS.build(part)
