from abc import abstractmethod
from typing import Callable, Dict, FrozenSet, Iterable, List, Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ...utils.lam import Lam, lam_like
from .blending import blend
from .mixture import Mixture
from .pairing import Pairing, PairingStream
from .sources import Sources

#: An algorithm's eta-balanced loss of mixed images, through the momentum
#: network: ``objective(mixture, eta)`` is a scalar.
Objective = Callable[[Mixture, float], Tensor]


class MixingMethod(BaseModule):
    r"""How images become one: the base class of all mixing methods.

    A method is one file with a subclass that says :meth:`mix`, registered in
    :data:`~samix_mm.registry.MIXING_METHODS`; most are a
    :class:`MaskMethod`. Everything that is a method's own, its law of
    :math:`\lambda`, partners, labels and, for one that learns, its losses and
    schedule, is in the method; algorithms treat all alike.

    Args:
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            1.0.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
        init_cfg (dict or List[dict], optional): Initialization config.
            Defaults to None.

    Attributes:
        needs (FrozenSet[str]): What of :class:`Sources` it asks for besides
            the images: 'features', 'saliency', 'labels' or 'scores'.
            Algorithms compute nothing else.
        levels (FrozenSet[int]): At which levels of the network it mixes, as
            in :attr:`Mixture.level`.
        num_sources (FrozenSet[int]): Of how many sources its mixed images
            are made, as in :attr:`Mixture.index`. Not every algorithm takes
            other numbers than 2.
        learns (bool): Whether it has losses of its own, and therefore needs a
            momentum network to train through.
    """

    needs: FrozenSet[str] = frozenset()
    levels: FrozenSet[int] = frozenset({0})
    num_sources: FrozenSet[int] = frozenset({2})
    learns: bool = False

    def __init__(
            self,
            alpha: float = 1.0,
            lam_per_sample: bool = False,
            init_cfg: Optional[Union[dict, List[dict]]] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.pairings = PairingStream(alpha, lam_per_sample)

    def draw(self, num: int, device: torch.device) -> Pairing:
        r"""Draw :math:`\lambda` and partners.

        Args:
            num (int): Number of images N, 2 or more.
            device (torch.device): Where the partners are wanted.

        Returns:
            Pairing: Of N images.
        """
        return self.pairings.draw(num, device)

    @abstractmethod
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """Mix the images that the online network learns from.

        Args:
            sources (Sources): The N images of a batch.
            pairing (Pairing): Ratios, and partners of the first M.

        Returns:
            Mixture: M mixed images, without gradient.
        """

    def training_mixtures(self, sources: Sources) -> Iterable[Mixture]:
        """Mix the images that the method itself learns from in this step.

        Args:
            sources (Sources): The N images of a batch.

        Returns:
            Iterable[Mixture]: With gradient; each is back-propagated before
            the next one is asked for. Empty unless the method learns.
        """
        return ()

    def loss(self, mixture: Mixture, objective: Objective
             ) -> Dict[str, Tensor]:
        """The method's own losses on one of its :meth:`training_mixtures`.

        Args:
            mixture (Mixture): One of them.
            objective (Callable): ``objective(mixture, eta)`` is the
                algorithm's eta-balanced loss of these images through the
                momentum network.

        Returns:
            Dict[str, Tensor]: Weighted losses, and scalars for the log.
        """
        return {}

    def set_in_channels(self, in_channels: int) -> None:
        """Take note of the channels of the feature maps, which the algorithm
        knows from its backbone.

        Args:
            in_channels (int): Channels C of ``sources.features()``.
        """

    def after_optimizer_step(self) -> None:
        """Take note that the optimizer has made a step."""

    def loss_weights(self) -> Dict[str, float]:
        """Weights of the method's own losses, by their names in its config;
        empty if it learns nothing."""
        return {}

    def last_lams(self) -> List[Lam]:
        """The ratios of the last step again, for messages."""
        return self.pairings.last_lams(1)

    def log_vars(self) -> Dict[str, Tensor]:
        """Scalars for the log; none has "loss" in its name, which MMEngine
        would add up."""
        return {}


class MaskMethod(MixingMethod):
    """A method that says which pixel is whose; labels follow what is shown.

    Subclasses say :meth:`masks`, or override :meth:`mix` to give other labels.
    """

    @abstractmethod
    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """Make the mask of each pair.

        Args:
            sources (Sources): The N images of a batch.
            pairing (Pairing): Ratios, and partners of the first M.

        Returns:
            Tensor: The share of the first image at each pixel, in [0, 1],
            (M, 1, H, W), or (1, 1, H, W) if it is the same in all.
        """

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """Blend by the masks; see :meth:`MixingMethod.mix`."""
        index, size = pairing.index, sources.images.shape[2:]
        mask = self.masks(sources, pairing).expand(len(index), 1, *size)
        mask = at_least_float32(mask)  # (M, 1, H, W)
        return masked_mixture(sources, index, mask, mask.mean(dim=(1, 2, 3)))


def masked_mixture(sources: Sources, index: Tensor, mask: Tensor,
                   lam: Lam) -> Mixture:
    """Blend pairs by their masks.

    Args:
        sources (Sources): The N images of a batch.
        index (Tensor): Partners of the first M, (M, ).
        mask (Tensor): Share of the first image, (M, 1, H, W).
        lam (float | Tensor): The first image's label weight, one number or
            shape (M, ).

    Returns:
        Mixture: Of two sources each.
    """
    inputs = blend(sources.images, mask, index, sources.partners)
    return Mixture(inputs, with_first(index), two_shares(lam, mask), mask)


def with_first(index: Tensor) -> Tensor:
    """Put the numbers of first images before their partners', (M, ) to
    (M, 2)."""
    first = torch.arange(len(index), device=index.device)
    return torch.stack([first, index], dim=1)


def two_shares(lam: Lam, reference: Tensor) -> Tensor:
    """Label weights of pairs, (M, 2), at least float32, on the device of a
    reference with M rows."""
    lam = lam_like(lam, at_least_float32(reference[:, :0]))
    return torch.stack([lam, 1 - lam], dim=1)


def at_least_float32(values: Tensor) -> Tensor:
    """Numbers whose mean over an image is exact enough for a label."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
