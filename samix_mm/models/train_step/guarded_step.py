"""A training step that skips what is not finite, branch by branch."""
from functools import partial
from typing import Callable, Dict, List, Optional, Union

from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from .branch_backward import BranchBackward
from .norm_statistics import NormStatistics


class GuardedStepMixin:
    """The training step of an algorithm whose loss has several branches.

    It back-propagates each branch as soon as its loss is known, and skips
    steps whose losses are not finite, alone or inside a DDP wrapper.
    """

    def init_guard(self) -> None:
        """To be called once all modules are there."""
        # A reentrant checkpoint cannot be back-propagated to given inputs.
        self._release_branches = not any(
            getattr(module, 'with_cp', False) for module in self.modules())
        self._optim_wrapper: Optional[OptimWrapper] = None
        self._deferred: Optional[List[Callable]] = None
        #: Training steps skipped in a row.
        self.skipped_steps = 0

    def train_step(self, data: Union[dict, tuple, list],
                   optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """As in ``BaseModel``, with what :meth:`guarded_step` adds.

        Args:
            data (dict | tuple | list): A batch of the data loader.
            optim_wrapper (OptimWrapper): The optimizer's wrapper.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        return self.guarded_step(self, data, optim_wrapper)

    def guarded_step(self, network: nn.Module, data: Union[dict, tuple, list],
                     optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """A training step with the memory of one branch at a time, that is
        skipped if a loss is not finite.

        A skipped step changes neither weights nor the running statistics of
        norm layers, and gradients accumulated before it are dropped. Steps
        skipped in a row are counted in ``skipped_steps``.

        Args:
            network (nn.Module): This algorithm, or its DDP wrapper.
            data (dict | tuple | list): A batch of the data loader.
            optim_wrapper (OptimWrapper): The optimizer's wrapper.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        statistics = NormStatistics(self)
        self.release_branches_for(optim_wrapper)
        self._deferred = deferred = []
        try:
            with optim_wrapper.optim_context(network):
                # No name keeps the images during the backward pass.
                losses = network._run_forward(
                    self.data_preprocessor(data, True), mode='loss')
        finally:
            self.release_branches_for(None)
            self._deferred = None
        loss, log_vars = self.parse_losses(losses)
        if _finite_everywhere(loss):
            self.skipped_steps = 0
            optim_wrapper.update_params(loss)
        else:
            self.skipped_steps += 1
            # DDP and the count of accumulated steps wait for it.
            optim_wrapper.backward(loss)
            optim_wrapper.zero_grad()
            statistics.restore()
        for call in deferred:
            call()
        return log_vars

    def release_branches_for(self,
                             optim_wrapper: Optional[OptimWrapper]) -> None:
        """Say what will back-propagate the losses from now on.

        Args:
            optim_wrapper (OptimWrapper, optional): It back-propagates the
                plain sum of all losses, once, so that a branch of the loss
                can be released before. None keeps all branches until their
                losses are back-propagated, one by one if need be.
        """
        self._optim_wrapper = optim_wrapper

    def until_backward(self, buffer: Tensor) -> Tensor:
        """What losses may use of a buffer that :meth:`after_backward` changes.

        Args:
            buffer (Tensor): A buffer of the model.

        Returns:
            Tensor: The same in a guarded step; a copy in a forward pass whose
            backward pass comes at a time that is not known, or never.
        """
        return buffer.clone() if self._deferred is None else buffer

    def after_backward(self, function: Callable, *args) -> None:
        """Call a function as soon as the losses need nothing that it changes.

        Args:
            function (Callable): What to call: after the backward pass in a
                guarded step, at once elsewhere.
            *args: Its arguments.
        """
        if self._deferred is None:
            function(*args)
        else:
            self._deferred.append(partial(function, *args))

    def begin_step(self) -> BranchBackward:
        """BranchBackward: What back-propagates this step's branches."""
        optim_wrapper = self._optim_wrapper if self._release_branches else None
        return BranchBackward(
            [param for param in self.parameters() if param.requires_grad],
            optim_wrapper)


def _finite_everywhere(loss: Tensor) -> bool:
    """Whether the losses of all processes are finite."""
    finite = loss.detach().isfinite().int()
    all_reduce(finite, op='min')
    return bool(finite)
