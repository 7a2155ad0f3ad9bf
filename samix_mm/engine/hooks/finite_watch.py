from typing import List, Optional, Tuple

import torch
from torch import Tensor


class FiniteWatch:
    """Looks for losses that are not finite, without waiting for a GPU.

    On a CPU every step is looked at at once; on an accelerator, where reading
    a number lets the host wait, ``interval`` steps are read together.

    Args:
        interval (int): How many steps are read at a time. Defaults to 50.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._steps: List[Tuple[int, List[str], Tensor]] = []

    def add(self, outputs: Optional[dict], iteration: int) -> None:
        """Look at the losses of a step, now or later.

        Args:
            outputs (dict, optional): What the training step returned.
            iteration (int): Its number.

        Raises:
            FloatingPointError: If a loss read now is not finite.
        """
        losses = {
            name: torch.as_tensor(value).detach().float().reshape(())
            for name, value in (outputs or {}).items() if 'loss' in name
        }
        if not losses:
            return
        values = torch.stack(list(losses.values()))
        self._steps.append((iteration, list(losses), values))
        if values.device.type == 'cpu' or len(self._steps) >= self.interval:
            self.check()

    def check(self) -> None:
        """Read what was not read yet.

        Raises:
            FloatingPointError: If a loss is not finite; the message names the
                first step and its losses.
        """
        steps, self._steps = self._steps, []
        if not steps:
            return
        read = torch.cat([values for _, _, values in steps]).tolist()
        for iteration, names, _ in steps:
            values, read = read[:len(names)], read[len(names):]
            bad = {
                name: value
                for name, value in zip(names, values)
                if not abs(value) < float('inf')
            }
            if bad:
                raise FloatingPointError(
                    f'not finite at iteration {iteration}: {bad}; lower the '
                    'learning rate, clip gradients with '
                    'optim_wrapper.clip_grad or, in fp16, train with --amp, '
                    'which scales the loss')
