import torch
import torch.nn.functional as F
from torch import Tensor

from ....registry import MIXING_METHODS
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
    :math:`\tau \sim U(scale)` of the first one's, one for the batch; its
    place is uniform among those where it is complete, one for each image. The
    first image's label weight is the area it keeps. MMPretrain's augment of
    the same name draws another distribution.

    Args:
        scale (Tuple[float, float]): Range of :math:`\tau`, in [0, 1].
            Defaults to (0.1, 0.8).
        interpolation (str): 'nearest' or 'bilinear'. Defaults to 'nearest'.
        lam_per_sample (bool): Whether to draw a scale for each sample instead
            of one for the batch. Defaults to False.

    Raises:
        ValueError: If ``scale`` is no such range or ``interpolation`` none of
            these.
    """

    def __init__(self,
                 scale: tuple = (0.1, 0.8),
                 interpolation: str = 'nearest',
                 lam_per_sample: bool = False) -> None:
        super().__init__(lam_per_sample=lam_per_sample)
        if (not isinstance(scale, (tuple, list)) or len(scale) != 2
                or not all(is_number(end) for end in scale)
                or not 0 <= scale[0] <= scale[1] <= 1):
            raise ValueError('scale must be two numbers in [0, 1], the lower '
                             f'one first, such as (0.1, 0.8), got {scale!r}')
        if interpolation not in ('nearest', 'bilinear'):
            raise ValueError("interpolation must be 'nearest' or 'bilinear', "
                             f'got {interpolation!r}')
        self.scale = tuple(scale)
        self.interpolation = interpolation
        self.boxes = RandomStream(3)

    @torch.no_grad()
    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`."""
        images, index = sources.images, pairing.index
        num, size = len(index), images.shape[2:]
        boxes = self._draw_boxes(num, size)  # (M, 4)
        mixed = images[:num].clone()
        mask = images.new_ones((num, 1, *size))
        partners = sources.partners[index]
        for row, (top, left, height, width) in enumerate(boxes):
            box = (row, slice(None), slice(top, top + height),
                   slice(left, left + width))
            mixed[box] = self._shrink(partners[row:row + 1], height, width)
            mask[box] = 0
        return Mixture(mixed, with_first(index),
                       two_shares(mask.mean(dim=(1, 2, 3)), mask), mask)

    def _draw_boxes(self, num: int, size: torch.Size) -> list:
        """Top, left, height and width of each pasted image."""
        rng = self.boxes.current()
        # Pictures of masks, drawn in eval mode, do not use up the stream.
        if self.training:
            self.boxes.advance()
        num_scales = num if self.pairings.lam_per_sample else 1
        scales = rng.uniform(*self.scale, size=num_scales)
        places = rng.random((num, 2))
        boxes = []
        for row in range(num):
            sides = [
                max(1, round(scales[row % num_scales] * side))
                for side in size
            ]
            corner = [
                int(place * (side - pasted + 1))
                for place, side, pasted in zip(places[row], size, sides)
            ]
            boxes.append((*corner, *sides))
        return boxes

    def _shrink(self, image: Tensor, height: int, width: int) -> Tensor:
        """Resize an image (1, 3, H, W)."""
        if self.interpolation == 'nearest':
            return F.interpolate(image, (height, width), mode='nearest')[0]
        return F.interpolate(
            image, (height, width),
            mode='bilinear', align_corners=False, antialias=True)[0]
