"""The mixing method of CONTRIBUTING.md, in a module of a user's own."""
import torch
from torch import Tensor

from samix_mm.models.mixing import MaskMethod, Pairing, RandomStream, Sources
from samix_mm.registry import MIXING_METHODS


@MIXING_METHODS.register_module()
class GridMix(MaskMethod):
    """Cells of a grid show one image or the other.

    Args:
        cells (int): Cells along each side. Defaults to 4.
        alpha (float): Ratios are drawn from Beta(alpha, alpha). Defaults to
            1.0.
    """

    def __init__(self, cells: int = 4, alpha: float = 1.0) -> None:
        super().__init__(alpha)
        if cells < 1:
            raise ValueError(f'cells must be 1 or more, got {cells!r}')
        self.cells = cells
        # Its place is part of checkpoints. No other stream of the method may
        # have the same number; ratios and partners have none.
        self.grids = RandomStream(1)

    def masks(self, sources: Sources, pairing: Pairing) -> Tensor:
        """One grid for the batch; labels follow the share it shows."""
        grid = self.grids.next().random((self.cells, self.cells))
        grid = torch.from_numpy(grid < pairing.lam)
        height, width = sources.images.shape[2:]
        rows = torch.arange(height) * self.cells // height
        columns = torch.arange(width) * self.cells // width
        mask = grid[rows][:, columns].to(
            sources.images.device, non_blocking=True)
        return mask.expand(len(pairing.index), 1, height, width)
