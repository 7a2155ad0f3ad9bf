from typing import Any, Callable, Dict, Hashable, Optional, Tuple, Union

from torch import Tensor

Pair = Tuple[Tensor, Tensor]
#: A value, or a function that computes it on first use.
Lazy = Union[Tensor, Pair, Callable[[], Union[Tensor, Pair]]]


class Sources:
    """What a mixing method may look at in a training step.

    An algorithm builds one a step, and gives functions for what is costly:
    each is called on first use, and its result kept. By hand it is made of
    tensors.

    Args:
        images (Tensor): First images, (N, 3, H, W).
        partners (Tensor, optional): Images that partners are taken from, same
            shape, such as another view. None means ``images``.
        labels (Tensor, optional): Class indices or pseudo-labels, (N, ).
        features (Tensor | Tuple[Tensor, Tensor] | Callable, optional): Maps
            (N, C, h, w) of images and of partners; one tensor serves both.
        saliency (Tensor | Tuple[Tensor, Tensor] | Callable, optional): Maps
            (N, H, W) of images and of partners; one tensor serves both.
        scores (Callable, optional): Gives a frozen network's logits (M, K) of
            images (M, 3, H, W).

    Raises:
        ValueError: If ``partners`` have another shape than ``images``.

    Examples:
        >>> import torch
        >>> from samix_mm.models import FMix, Sources
        >>> method = FMix(alpha=1.0)
        >>> images = torch.rand(4, 3, 32, 32)
        >>> pairing = method.draw(len(images), images.device)
        >>> method.mix(Sources(images), pairing).inputs.shape
        torch.Size([4, 3, 32, 32])
    """

    def __init__(self,
                 images: Tensor,
                 partners: Optional[Tensor] = None,
                 labels: Optional[Tensor] = None,
                 features: Optional[Lazy] = None,
                 saliency: Optional[Lazy] = None,
                 scores: Optional[Callable[[Tensor], Tensor]] = None) -> None:
        if partners is not None and partners.shape != images.shape:
            raise ValueError(
                'images and partners must have the same shape, got '
                f'{tuple(images.shape)} and {tuple(partners.shape)}')
        self.images = images
        self.partners = images if partners is None else partners
        self.labels = labels
        self._given = dict(features=features, saliency=saliency)
        self._scores = scores
        self._kept: Dict[Hashable, Any] = {}

    def features(self) -> Pair:
        """Feature maps of images and of partners, (N, C, h, w) both, without
        gradient.

        Raises:
            RuntimeError: If nobody gave them.
        """
        return self._pair('features')

    def saliency(self) -> Pair:
        """Saliency of images and of partners, (N, H, W) both.

        Raises:
            RuntimeError: If nobody gave it.
        """
        return self._pair('saliency')

    def scores(self, images: Tensor) -> Tensor:
        """Logits of a frozen network.

        Args:
            images (Tensor): Shape (M, 3, H, W).

        Returns:
            Tensor: Shape (M, K).

        Raises:
            RuntimeError: If nobody gave the network.
        """
        if self._scores is None:
            raise RuntimeError(_missing('scores'))
        return self._scores(images)

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Keep what a method computes for all its mixtures of a step.

        Args:
            key (Hashable): Tells what is kept.
            compute (Callable): Called if it is not there yet.

        Returns:
            Any: What ``compute`` has returned.
        """
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    def _pair(self, name: str) -> Pair:
        given = self._given[name]
        if given is None:
            raise RuntimeError(_missing(name))
        if callable(given):
            given = self._given[name] = given()
        return (given, given) if isinstance(given, Tensor) else given


def _missing(name: str) -> str:
    return (f'the mixing method asks for {name}, which nobody gave: name '
            f"'{name}' in its `needs`, so that the algorithm computes it, or "
            f'give Sources(..., {name}=...)')
