"""Pictures of mixed samples, as arrays."""
import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor


def denormalize(images: Tensor, data_preprocessor: BaseDataPreprocessor
                ) -> Tensor:
    """Undo the normalisation of the model's own data preprocessor.

    Args:
        images (Tensor): Normalised images with shape (N, 3, H, W).
        data_preprocessor (BaseDataPreprocessor): It has ``mean`` and ``std``
            in [0, 255] if it normalises.

    Returns:
        Tensor: Images in [0, 255], same shape.
    """
    mean = getattr(data_preprocessor, 'mean', None)
    if mean is not None:
        images = images * data_preprocessor.std + mean
    return images.clamp(0, 255)


def mixed_grid(image_i: Tensor, image_j: Tensor, masks: Tensor,
               mixed: Tensor) -> np.ndarray:
    """Lay out pairs, their masks and their mixed images.

    Each pair takes two rows, the masks above the mixed images. The first
    column is image i, the last one image j, and each between them a ratio.

    Args:
        image_i (Tensor): First images in [0, 255], shape (N, 3, H, W).
        image_j (Tensor): Their partners, same shape.
        masks (Tensor): Share of image i, shape (N, L, H, W), L ratios.
        mixed (Tensor): Mixed images in [0, 255], shape (N, L, 3, H, W).

    Returns:
        np.ndarray: The RGB picture, uint8, shape (2NH, (L + 2)W, 3).
    """
    masks = masks.unsqueeze(2)  # (N, L, 1, H, W)
    first, last = image_i.unsqueeze(1), image_j.unsqueeze(1)
    grey = (255 * masks).expand_as(mixed)
    rows = torch.stack([
        torch.cat([first, middle, last], dim=1) for middle in (grey, mixed)
    ], dim=1)  # (N, 2, L + 2, 3, H, W)
    picture = rows.permute(0, 1, 4, 2, 5, 3)  # (N, 2, H, L + 2, W, 3)
    picture = picture.flatten(0, 2).flatten(1, 2)  # (2NH, (L + 2)W, 3)
    return picture.round().to(torch.uint8).cpu().numpy()
