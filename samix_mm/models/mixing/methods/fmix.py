import torch
from torch import Tensor

from ....registry import MIXING_METHODS
from ....utils.lam import lam_like
from ....utils.validation import check_positive
from ..method import MaskMethod
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources


@MIXING_METHODS.register_module()
class FMix(MaskMethod):
    r"""Binary masks of irregular shape, cut out of low-frequency noise.

    `FMix: Enhancing Mixed Sample Data Augmentation
    <https://arxiv.org/abs/2002.12047>`_. White noise whose spectrum is made
    to fall with a power of the frequency is sorted, and its largest
    :math:`\lambda HW` positions show the first image. Rows and columns are
    treated alike, as in the paper; its released code builds the spectrum from
    two rows. One ratio for the batch makes one mask for the batch.

    Args:
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            1.0.
        decay (float): Power by which the spectrum falls, above 0: the higher,
            the smoother the shapes. Defaults to 3.0.
        lam_per_sample (bool): Whether to draw a ratio, and with it a mask,
            for each sample instead of one for the batch. Defaults to False.

    Raises:
        ValueError: If ``decay`` is not above 0.
    """

    def __init__(self,
                 alpha: float = 1.0,
                 decay: float = 3.0,
                 lam_per_sample: bool = False) -> None:
        super().__init__(alpha, lam_per_sample)
        self.decay = check_positive('decay', decay)
        self.noise = RandomStream(2)

    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """See :meth:`MaskMethod.masks`; 0 or 1 everywhere."""
        height, width = sources.images.shape[2:]
        device, num = sources.images.device, len(pairing.index)
        num_masks = num if isinstance(pairing.lam, Tensor) else 1
        rng = self.noise.next()
        noise, rounding = (
            torch.from_numpy(values).to(device, non_blocking=True)
            for values in (rng.standard_normal((num_masks, height, width),
                                               'float32'),
                           rng.random(num_masks, 'float32')))
        spectrum = torch.fft.rfft2(noise)  # (B, H, W // 2 + 1)
        spectrum = spectrum / self._frequencies(height, width, device)
        grey = torch.fft.irfft2(spectrum, s=(height, width)).flatten(1)
        # Rounded up or down with equal chance, as the paper's code does.
        shown = lam_like(pairing.lam, grey) * (height * width)  # (B, )
        shown = torch.where(rounding < 0.5, shown.floor(), shown.ceil())
        rank = grey.argsort(dim=1, descending=True).argsort(dim=1)  # (B, HW)
        mask = (rank < shown.unsqueeze(1)).float()
        return mask.view(-1, 1, height, width).expand(num, -1, -1, -1)

    def _frequencies(self, height: int, width: int,
                     device: torch.device) -> Tensor:
        """What amplitudes are divided by, (H, W // 2 + 1)."""
        rows = torch.fft.fftfreq(height, device=device).unsqueeze(1)
        columns = torch.fft.rfftfreq(width, device=device)
        frequency = torch.sqrt(rows**2 + columns**2)
        return frequency.clamp(min=1 / max(height, width))**self.decay
