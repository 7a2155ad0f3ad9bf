from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from ....registry import MIXING_METHODS
from ....utils.lam import Lam, lam_like
from ....utils.validation import is_number
from ..method import MixingMethod, two_shares, with_first
from ..mixture import Mixture
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources


@MIXING_METHODS.register_module()
class ResizeMix(MixingMethod):
    r"""The whole partner, shrunk and pasted into the first image.

    `ResizeMix: Mixing Data with Preserved Object Information and True Labels
    <https://arxiv.org/abs/2012.11101>`_. The side of the pasted image is
    :math:`\tau = \sqrt{1-\lambda}` of the first one's, where
    :math:`\tau \sim U(scale)`, one for the batch; its place is uniform among
    those where it is complete, one for each image. The first image's label
    weight is the area that it keeps. MMPretrain's augment of the same name
    draws from another distribution.

    Args:
        scale (Sequence[float]): Range of :math:`\tau`, in [0, 1]. Defaults to
            (0.1, 0.8).
        lam_per_sample (bool): Whether to draw a scale for each sample instead
            of one for the batch. Defaults to False.

    Raises:
        ValueError: If ``scale`` is no such range.
    """

    def __init__(self,
                 scale: Sequence[float] = (0.1, 0.8),
                 lam_per_sample: bool = False) -> None:
        # Beta(1, 1) is U(0, 1), and becomes the scale.
        super().__init__(1., lam_per_sample)
        if (not isinstance(scale, (tuple, list)) or len(scale) != 2
                or not all(is_number(end) for end in scale)
                or not 0 <= scale[0] <= scale[1] <= 1):
            raise ValueError('scale must be two numbers in [0, 1], the lower '
                             f'one first, such as (0.1, 0.8), got {scale!r}')
        self.scale = tuple(scale)
        self.places = RandomStream(3)

    def draw(self, num: int, device: torch.device) -> Pairing:
        """Draw scales and partners; see :meth:`MixingMethod.draw`."""
        pairing = super().draw(num, device)
        return pairing._replace(lam=self._ratio(pairing.lam))

    def last_lams(self) -> List[Lam]:
        """See :meth:`MixingMethod.last_lams`."""
        return [self._ratio(uniform) for uniform in super().last_lams()]

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        images = sources.images[:len(pairing.index)]  # (M, 3, H, W)
        places = torch.from_numpy(self.places.next().random(
            (len(images), 2), 'float32'))
        places = places.to(images.device, non_blocking=True)
        scale = (1 - lam_like(pairing.lam, places)).sqrt()  # (M, )
        (row, in_rows), (column, in_columns) = (
            _pasted(scale, places[:, axis], length)
            for axis, length in enumerate(images.shape[2:]))
        box = in_rows.unsqueeze(2) & in_columns.unsqueeze(1)  # (M, H, W)
        box = box.unsqueeze(1)
        pasted = sources.partners[pairing.index.view(-1, 1, 1), :,
                                  row.unsqueeze(2),
                                  column.unsqueeze(1)]  # (M, H, W, 3)
        # Written into the images' layout, by which PyTorch chooses how to
        # compute the network.
        mixed = torch.empty_like(images)
        mixed.copy_(torch.where(box, pasted.movedim(3, 1), images))
        mask = (~box).float()  # (M, 1, H, W)
        return Mixture(mixed, with_first(pairing.index),
                       two_shares(mask.mean(dim=(1, 2, 3)), mask), mask)

    def _ratio(self, uniform: Lam) -> Lam:
        r"""The share :math:`1 - \tau^2` of the first image, whose scale was
        drawn from U(0, 1)."""
        low, high = self.scale
        return 1 - (low + (high - low) * uniform)**2


def _pasted(scale: Tensor, place: Tensor,
            length: int) -> Tuple[Tensor, Tensor]:
    """Where rows or columns of a mixed image come from.

    Args:
        scale (Tensor): Side of the pasted image by that of the whole, (M, ).
        place (Tensor): In [0, 1), (M, ).
        length (int): Number of rows or columns, L.

    Returns:
        Tuple[Tensor, Tensor]: The partner's row at each row, (M, L), to be
        used where it is inside the pasted image, also (M, L).
    """
    side = (scale * length).round().clamp(min=1)  # (M, )
    # Rounding must not make a place of 0.9999 the one behind the last.
    first = torch.minimum((place * (length - side + 1)).floor(), length - side)
    offset = torch.arange(length, device=scale.device) - first.unsqueeze(1)
    inside = (offset >= 0) & (offset < side.unsqueeze(1))  # (M, L)
    # The nearest one, as torch.nn.functional.interpolate computes it; a
    # number divided by a tensor would be multiplied by its inverse.
    step = torch.full_like(side, length) / side  # (M, )
    row = (offset * step.unsqueeze(1)).floor()
    return row.clamp(0, length - 1).long(), inside
