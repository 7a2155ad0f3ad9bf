from typing import Sequence, Union

from torch import Tensor


def pool(outputs: Union[Tensor, Sequence[Tensor]]) -> Tensor:
    """One feature vector for each image, from a backbone's last output.

    Args:
        outputs (Tensor | Sequence[Tensor]): Output of a backbone; the last
            one has the shape (N, D, h, w) or (N, D).

    Returns:
        Tensor: Shape (N, D); maps are averaged over their positions.

    Raises:
        ValueError: If the last output is neither.
    """
    last = outputs if isinstance(outputs, Tensor) else outputs[-1]
    if last.ndim == 4:
        return last.mean(dim=(2, 3))
    if last.ndim != 2:
        raise ValueError(
            'the backbone must give vectors (N, D) or maps (N, D, H, W), got '
            f'the shape {tuple(last.shape)}; for a transformer write '
            "backbone = dict(out_type='cls_token', ...), or 'avg_featmap'")
    return last
