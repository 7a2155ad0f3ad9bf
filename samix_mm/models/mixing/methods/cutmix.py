import torch
from torch import Tensor

from ....registry import MIXING_METHODS
from ....utils.lam import lam_like
from ..method import MaskMethod
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources


@MIXING_METHODS.register_module()
class CutMix(MaskMethod):
    r"""A box of the partner in the first image.

    `CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features <https://arxiv.org/abs/1905.04899>`_. The box has the
    sides :math:`\sqrt{1-\lambda}` of the image's and its centre anywhere;
    what reaches over the border is cut off, so that the share shown, by which
    the labels go, may be larger than :math:`\lambda`. One ratio for the batch
    makes one box for the batch.

    Args:
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            1.0.
        lam_per_sample (bool): Whether to draw a ratio for each sample instead
            of one for the batch. Defaults to False.
    """

    def __init__(self,
                 alpha: float = 1.0,
                 lam_per_sample: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)
        self.centres = RandomStream(1)

    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """See :meth:`MaskMethod.masks`; 0 in the box and 1 around it."""
        size, device = sources.images.shape[2:], sources.images.device
        num_boxes = (len(pairing.index)
                     if isinstance(pairing.lam, Tensor) else 1)
        centre = torch.from_numpy(self.centres.next().random((num_boxes, 2)))
        centre = centre.float().to(device, non_blocking=True)  # (B, 2)
        lam = lam_like(pairing.lam, centre).unsqueeze(1)  # (B, 1)
        half = (1 - lam).sqrt() / 2  # (B, 1)
        rows, columns = (
            ((torch.arange(length, device=device) + 0.5) / length
             - centre[:, axis:axis + 1]).abs() < half
            for axis, length in enumerate(size))  # (B, H), (B, W)
        box = rows.unsqueeze(2) & columns.unsqueeze(1)  # (B, H, W)
        mask = (~box).float().unsqueeze(1)
        return mask.expand(len(pairing.index), -1, -1, -1)
