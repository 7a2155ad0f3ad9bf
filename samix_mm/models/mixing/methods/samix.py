from typing import Any, Dict, Iterable, List, Union, cast

import torch
from torch import Tensor, nn

from ....registry import MIXING_METHODS, MODELS
from ....utils.lam import Lam, lam_like
from ....utils.pretrained import require_pretrained
from ....utils.validation import (check_count, check_flag, check_part,
                                  check_share, check_unit_interval,
                                  check_weight, is_number)
from ...necks.mixer import Mixer
from ..blending import adjust_mask
from ..method import MixingMethod, Objective, masked_mixture
from ..mixture import Mixture
from ..pairing import Pairing, part_of_batch
from ..sources import Sources


@MIXING_METHODS.register_module()
class SAMix(MixingMethod):
    r"""Masks by a :class:`~samix_mm.models.Mixer` that learns with the
    network (Secs. 3.1 to 3.3).

    The Mixer is trained on mixed images of its own, through the frozen
    momentum network, by the algorithm's :math:`\eta`-balanced loss and the
    mask loss. The online network's images are mixed without gradient, with
    masks adjusted to their ratios; extreme ratios use plain MixUp.

    Args:
        mixer (dict): Config of the Mixer. Defaults to ``dict(type='Mixer')``.
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            2.0.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
        eta (float): Weight of the global term in the Mixer's loss, in
            [0, 1]. The paper uses 0.1 on IN-1k and iNat2017. Defaults to 0.5.
        lam_adjust (bool): Whether the online images' masks are adjusted to
            have the ratio as their mean. Defaults to True.
        lam_margin (float): Online images use plain MixUp for ratios outside
            [lam_margin, 1 - lam_margin]. Defaults to 0.08.
        mixer_weight (float): Weight of the Mixer's eta-balanced loss.
            Defaults to 1.0.
        mask_loss (dict): Config of the mask loss. Defaults to
            ``dict(type='MaskLoss')``.
        mask_loss_weight (float): First weight of the mask loss,
            :math:`\beta`, which :class:`~samix_mm.engine.MaskLossAnnealHook`
            lowers to 0. Defaults to 0.1.
        mixer_interval (int): The Mixer is trained every ``mixer_interval``
            optimizer steps. With several processes, more than 1 needs
            ``find_unused_parameters=True`` in the config. Defaults to 1.
        mixer_batch_ratio (float): Share of the batch that the Mixer is
            trained on, in (0, 1]. Defaults to 1.0.
        frozen (bool): Whether the Mixer is used as it is, with weights from
            its ``init_cfg=dict(type='Pretrained', ...)``. Defaults to False.

    Raises:
        TypeError: If ``mixer`` is no Mixer or ``mask_loss`` no config.
        ValueError: If an argument is out of its range, or the Mixer is frozen
            without a checkpoint that fits it.
    """

    needs = frozenset({'features'})

    def __init__(self,
                 mixer: Union[dict, nn.Module] = dict(type='Mixer'),
                 alpha: float = 2.0,
                 lam_per_sample: bool = False,
                 eta: float = 0.5,
                 lam_adjust: bool = True,
                 lam_margin: float = 0.08,
                 mixer_weight: float = 1.0,
                 mask_loss: Union[dict, nn.Module] = dict(type='MaskLoss'),
                 mask_loss_weight: float = 0.1,
                 mixer_interval: int = 1,
                 mixer_batch_ratio: float = 1.0,
                 frozen: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)
        if not (is_number(lam_margin) and 0 <= lam_margin <= 0.5):
            raise ValueError(
                f'lam_margin must be in [0, 0.5], got {lam_margin!r}')
        self.lam_margin = lam_margin
        self.lam_adjust = check_flag('lam_adjust', lam_adjust)
        self.eta = check_unit_interval('eta', eta)
        self.mixer_weight = check_weight('mixer_weight', mixer_weight)
        self.mask_loss_weight = check_weight('mask_loss_weight',
                                             mask_loss_weight)
        self.mixer_interval = check_count('mixer_interval', mixer_interval)
        self.mixer_batch_ratio = check_share('mixer_batch_ratio',
                                             mixer_batch_ratio)
        self.frozen = check_flag('frozen', frozen)
        self.learns = not frozen
        if frozen and mixer_interval > 1:
            raise ValueError(
                f'mixer_interval={mixer_interval} says how often the Mixer is '
                'trained, but frozen=True; leave one of them out')
        self.mixer: Any = _build('mixer', mixer, "dict(type='Mixer')")
        if not isinstance(self.mixer, Mixer):
            raise TypeError(
                "mixer must be a Mixer such as dict(type='Mixer'), got "
                f'{type(self.mixer).__name__}')
        self.mask_loss: Any = _build('mask_loss', mask_loss,
                                     "dict(type='MaskLoss')")
        #: Optimizer steps made, by which ``mixer_interval`` counts.
        self.num_steps = 0

    def set_in_channels(self, in_channels: int) -> None:
        """Build the Mixer's layers for maps of ``in_channels`` channels."""
        self.mixer.set_in_channels(in_channels)
        if self.frozen:
            self.mixer.requires_grad_(False)
            self.train(self.training)

    def training_mixtures(self, sources: Sources) -> Iterable[Mixture]:
        """Images mixed by the Mixer as it is (Eq. 9), with gradient; see
        :meth:`MixingMethod.training_mixtures`."""
        if self.frozen:
            return
        num = part_of_batch(self.mixer_batch_ratio, len(sources.images))
        pairing = self.draw(num, sources.images.device)
        if self.num_steps % self.mixer_interval:
            return
        mask = self.masks(sources, pairing)  # (M, 1, H, W)
        yield masked_mixture(sources, pairing.index, mask, pairing.lam)

    def loss(self, mixture: Mixture, objective: Objective
             ) -> Dict[str, Tensor]:
        """The Mixer's loss (Eqs. 8 and 11); see :meth:`MixingMethod.loss`."""
        mask, lam = cast(Tensor, mixture.mask), mixture.shares[:, 0]
        mask_loss = self.mask_loss(mask, lam)
        return dict(
            loss_mixer=self.mixer_weight * objective(mixture, self.eta),
            loss_mask=self.mask_loss_weight * mask_loss,
            **mask_log_vars(mask, lam))

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """Adjusted masks, or MixUp's for extreme ratios (end of Sec. 3.3);
        see :meth:`MixingMethod.mix`."""
        mask = self.masks(sources, pairing)  # (M, 1, H, W)
        if self.lam_adjust:
            mask = adjust_mask(mask, pairing.lam)
        lam = lam_like(pairing.lam, mask).view(-1, 1, 1, 1)  # (M, 1, 1, 1)
        extreme = (lam < self.lam_margin) | (lam > 1 - self.lam_margin)
        mask = torch.where(extreme, lam, mask)
        return masked_mixture(sources, pairing.index, mask, pairing.lam)

    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """The Mixer's masks, as it makes them.

        Args:
            sources (Sources): The N images of a batch, with features.
            pairing (Pairing): Ratios, and partners of the first M.

        Returns:
            Tensor: The share of the first image, (M, 1, H, W).
        """

        def project() -> Any:
            # Whoever asks first, images without gradient may not take it from
            # those that train the Mixer.
            with torch.set_grad_enabled(self.learns):
                return self.mixer.project(*sources.features())

        # Both sets of masks of a step share what depends on no ratio.
        projected = sources.once('projection', project)
        return self.mixer.masks(projected, pairing.lam, pairing.index,
                                tuple(sources.images.shape[2:]))

    def after_optimizer_step(self) -> None:
        """Count the step."""
        self.num_steps += 1

    def loss_weights(self) -> Dict[str, float]:
        """See :meth:`MixingMethod.loss_weights`."""
        if self.frozen:
            return {}
        return dict(
            mixer_weight=self.mixer_weight,
            mask_loss_weight=self.mask_loss_weight)

    def last_lams(self) -> List[Lam]:
        """The ratios of the last step, the Mixer's and the network's."""
        return self.pairings.last_lams(1 if self.frozen else 2)

    def log_vars(self) -> Dict[str, Tensor]:
        """See :meth:`MixingMethod.log_vars`."""
        return self.mixer.log_vars()

    def init_weights(self) -> None:
        """Initialise the Mixer, or load it where it is frozen.

        Raises:
            ValueError: If a frozen Mixer has no checkpoint that fits it.
        """
        if self.frozen and not self.is_init:
            require_pretrained(self.mixer, 'a frozen Mixer', 'mixing.mixer')
        super().init_weights()

    def train(self, mode: bool = True) -> 'SAMix':
        """Set the mode; a frozen Mixer stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.mixer.eval()
        return self

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.num_steps)

    def set_extra_state(self, state: Tensor) -> None:
        self.num_steps = int(state)


@torch.no_grad()
def mask_log_vars(mask: Tensor, lam: Lam) -> Dict[str, Tensor]:
    r"""Statistics of unadjusted masks for the log.

    Args:
        mask (Tensor): Shape (M, 1, H, W).
        lam (float | Tensor): The ratios they were asked for, one number or
            shape (M, ).

    Returns:
        Dict[str, Tensor]: ``lam_gap``, the mean of :math:`|\mu - \lambda|`,
        and ``mask_std``, the mean standard deviation over the positions of a
        mask.
    """
    mask = mask.flatten(1)  # (M, HW)
    gap = mask.mean(dim=1) - lam_like(lam, mask)  # (M, )
    return dict(lam_gap=gap.abs().mean(), mask_std=mask.std(dim=1).mean())


def _build(name: str, part: Union[dict, nn.Module],
           example: str) -> nn.Module:
    check_part(name, part, example)
    return part if isinstance(part, nn.Module) else MODELS.build(part)
