from typing import Optional

import torch


def autocast_dtype(device_type: str) -> Optional[torch.dtype]:
    """The type that autocast computes in on a kind of device.

    PyTorch before 2.4 has one pair of functions for CPUs and one for GPUs.

    Args:
        device_type (str): 'cpu', 'cuda', ...

    Returns:
        torch.dtype | None: The type; None while autocast is off.
    """
    if hasattr(torch, 'get_autocast_dtype'):
        enabled = torch.is_autocast_enabled(device_type)
        return torch.get_autocast_dtype(device_type) if enabled else None
    if device_type == 'cpu':
        enabled = torch.is_autocast_cpu_enabled()
        return torch.get_autocast_cpu_dtype() if enabled else None
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled(
    ) else None
