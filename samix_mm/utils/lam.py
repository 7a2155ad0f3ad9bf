r"""The mixing ratio :math:`\lambda`: drawing it and giving it a shape."""
from typing import Optional, Union

import numpy as np
import torch
from torch import Tensor

from .validation import check_positive

#: One ratio for the batch or one for each sample, shape (N, ).
Lam = Union[float, Tensor]


def sample_lam(alpha: float,
               num_samples: Optional[int] = None,
               rng: Optional[np.random.Generator] = None) -> Lam:
    r"""Draw :math:`\lambda \sim Beta(\alpha, \alpha)` (Sec. 2.2).

    Args:
        alpha (float): Parameter of the Beta distribution, above 0.
        num_samples (int, optional): How many to draw. None draws one number.
            Defaults to None.
        rng (np.random.Generator, optional): Source of randomness. None seeds
            one from torch's global generator. Defaults to None.

    Returns:
        float | Tensor: The share of the first image in [0, 1]; a float32
        tensor of shape (num_samples, ) if ``num_samples`` is given.

    Raises:
        ValueError: If ``alpha`` is not above 0.
    """
    check_positive('alpha', alpha)
    if rng is None:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
    lam = rng.beta(alpha, alpha, size=num_samples)
    if num_samples is None:
        return float(lam)
    return torch.from_numpy(lam).float()


def lam_like(lam: Lam, reference: Tensor) -> Tensor:
    """Give the ratio one value a sample, on the device of ``reference``.

    Args:
        lam (float | Tensor): One number or shape (N, ).
        reference (Tensor): Its first dimension is N; its device and its
            floating-point type are taken over.

    Returns:
        Tensor: Shape (N, ).

    Raises:
        ValueError: If ``lam`` is neither one number nor of shape (N, ).
    """
    num_samples = reference.size(0)
    if not isinstance(lam, Tensor):
        # Filled on the device: a copy would let the host wait for it.
        return reference.new_full((num_samples, ), lam)
    lam = lam.to(reference)
    if lam.ndim > 1 or lam.numel() not in (1, num_samples):
        raise ValueError('lam must be one number or have the shape '
                         f'({num_samples},), got {tuple(lam.shape)}')
    return lam.expand(num_samples)
