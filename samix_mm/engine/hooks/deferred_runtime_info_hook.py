from typing import Dict, List, Optional

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from ...registry import HOOKS


@HOOKS.register_module()
class DeferredRuntimeInfoHook(RuntimeInfoHook):
    """MMEngine's hook, which reads the numbers of a step when they are
    logged.

    ``RuntimeInfoHook`` reads each scalar after each step, and every one of
    these reads lets the host wait for a GPU. This one keeps them on the
    device, and reads those of many steps at once in the iterations in which
    the logger wants them, at the end of epochs and before a checkpoint. The
    log is the same.
    """

    def __init__(self) -> None:
        self._waiting: List[Dict[str, Tensor]] = []
        self._interval = 1

    def before_train(self, runner: Runner) -> None:
        """Ask the logger for its interval."""
        super().before_train(runner)
        self._interval = next((hook.interval for hook in runner.hooks
                               if isinstance(hook, LoggerHook)), 1)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Keep the numbers of a step, and read them if it is time."""
        self._waiting.append({
            name: torch.as_tensor(value).detach()
            for name, value in (outputs or {}).items()
        })
        if (self.every_n_inner_iters(batch_idx, self._interval)
                or self.every_n_train_iters(runner, self._interval)
                or self.end_of_epoch(runner.train_dataloader, batch_idx)
                or runner.iter + 1 == runner.max_iters):
            self.read(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the numbers into the log that the checkpoint carries."""
        if self._waiting:
            self.read(runner)
            checkpoint['message_hub'] = runner.message_hub.state_dict()

    def read(self, runner: Runner) -> None:
        """Give all numbers to the message hub, in the order of the steps."""
        waiting, self._waiting = self._waiting, []
        numbers = [value for step in waiting for value in step.values()]
        if not numbers:
            return
        numbers = iter(
            torch.stack([value.float().reshape(())
                         for value in numbers]).tolist())
        for step in waiting:
            for name in step:
                runner.message_hub.update_scalar(f'train/{name}',
                                                 next(numbers))
