from typing import Any, Tuple, Union

import torch
from torch import Tensor


def first_view(data: Union[dict, tuple]) -> Tuple[Tensor, Any]:
    """Take a preprocessed batch apart.

    Args:
        data (dict | tuple): Inputs and data samples, as a dict or, by
            MMSelfSup's preprocessors, as a tuple.

    Returns:
        tuple: The images with shape (N, 3, H, W), of several views the first,
        and the data samples.
    """
    if isinstance(data, dict):
        data = data['inputs'], data['data_samples']
    inputs, data_samples = data
    return inputs if torch.is_tensor(inputs) else inputs[0], data_samples
