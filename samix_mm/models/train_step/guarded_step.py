"""A training step that skips what is not finite, branch by branch."""
import logging
from functools import partial
from typing import Callable, Dict, List, Optional, Tuple, Union

from mmengine.logging import MessageHub, print_log
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.cuda.amp import GradScaler

from .branch_backward import BranchBackward
from .finiteness import (Finite, bad_gradients, bad_losses, bad_weights,
                         finite_everywhere)
from .norm_statistics import NormStatistics


class GuardedStepMixin:
    """The training step of an algorithm whose loss has several branches.

    It back-propagates each branch as soon as its loss is known, and skips
    steps whose losses or gradients are not finite, alone or inside a DDP
    wrapper.

    ``skipped_steps``, ``skip_message`` and ``max_skipped`` are public: a hook
    reads the first two and writes the last one.
    """

    #: How many steps in a row may be skipped before training stops.
    max_skipped = 10

    def init_guard(self) -> None:
        """To be called once all modules are there."""
        # A reentrant checkpoint cannot be back-propagated to given inputs.
        self._release_branches = not any(
            getattr(module, 'with_cp', False) for module in self.modules())
        self._optim_wrapper: Optional[OptimWrapper] = None
        self._deferred: Optional[List[Callable]] = None
        #: Training steps skipped since the optimizer's last step.
        self.skipped_steps = 0
        #: What was not finite in the last training step that was skipped.
        self.skip_message = ''

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
        skipped if a loss or a gradient is not finite in any process.

        A skipped step leaves the weights, the optimizer, the running
        statistics of norm layers and all that :meth:`after_backward` would
        have changed as they were. The gradients accumulated before it are
        dropped. Steps are skipped silently as long as a loss scaler finds a
        better scale; other ones are counted in ``skipped_steps``.

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
        optim_wrapper.backward(optim_wrapper.scale_loss(loss))
        used, reason = self._update(optim_wrapper, loss, log_vars)
        if used:
            for call in deferred:
                log_vars.update(call() or {})
        else:
            statistics.restore()
        if reason:
            self._report_skip(reason)
        return log_vars

    def bad_weights(self) -> str:
        """Name the parameters, and the running statistics of norm layers, that
        are not finite.

        Returns:
            str: Some of their names, and how many there are besides; empty if
            all are finite.
        """
        return bad_weights(self)

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

    def after_backward(self, function: Callable,
                       *args) -> Dict[str, Tensor]:
        """Call a function as soon as the losses need nothing that it changes.

        Args:
            function (Callable): What to call: at the end of a guarded step
                unless it is skipped, at once elsewhere. It may return scalars
                for the log, by name.
            *args: Its arguments.

        Returns:
            Dict[str, Tensor]: The scalars that are there at once.
        """
        if self._deferred is None:
            return function(*args) or {}
        self._deferred.append(partial(function, *args))
        return {}

    def begin_step(self) -> BranchBackward:
        """BranchBackward: What back-propagates this step's branches."""
        optim_wrapper = self._optim_wrapper if self._release_branches else None
        return BranchBackward(
            [param for param in self.parameters() if param.requires_grad],
            optim_wrapper)

    def _update(self, optim_wrapper: OptimWrapper, loss: Tensor,
                log_vars: Dict[str, Tensor]) -> Tuple[bool, str]:
        """Use the gradients, or drop them: whether they are used, and why the
        step is skipped if it is."""
        params = (param for group in optim_wrapper.param_groups
                  for param in group['params'])
        finite = finite_everywhere(loss, params)
        scaler = _scaler_of(optim_wrapper)
        # The scaler mends it, when the optimizer's step is due.
        overflow = scaler is not None and finite is Finite.LOSS
        due = optim_wrapper.should_update()
        used = finite is Finite.LOSS_AND_GRADIENTS or (overflow and not due)
        mended = False
        if used and due:
            optim_wrapper.step()
        elif overflow and due:
            mended = _lower_scale(optim_wrapper, scaler)
        reason = ''
        if not (used or mended):
            reason = bad_losses(log_vars) \
                if finite is Finite.NOTHING else bad_gradients(self)
        elif due:
            self.skipped_steps = 0
        if due or not used:
            optim_wrapper.zero_grad()
        return used, reason

    def describe_step(self) -> str:
        """What to say of a step that is skipped besides the reason."""
        return ''

    def _report_skip(self, reason: str) -> None:
        """Say what was not finite, and stop if it goes on."""
        iteration = MessageHub.get_current_instance().get_info('iter')
        where = '' if iteration is None else f' at iteration {iteration}'
        self.skipped_steps += 1
        self.skip_message = (
            f'not finite{where}: {reason}{self.describe_step()}')
        if self.skipped_steps > self.max_skipped:
            raise FloatingPointError(
                f'{self.skip_message}, after {self.max_skipped} skipped steps '
                'in a row; lower the learning rate, clip gradients with '
                'optim_wrapper.clip_grad, look for NaN in the images or, in '
                'fp16, train with --amp, which scales the loss')
        print_log(
            f'{self.skip_message}; the step is skipped, and gradients that '
            'were accumulated for it are dropped',
            logger='current', level=logging.WARNING)


def _scaler_of(optim_wrapper: OptimWrapper) -> Optional[GradScaler]:
    """The loss scaler of mixed precision, if it is there and in use."""
    scaler = getattr(optim_wrapper, 'loss_scaler', None)
    return scaler if scaler is not None and scaler.is_enabled() else None


def _lower_scale(optim_wrapper: OptimWrapper, scaler: GradScaler) -> bool:
    """Have the scaler skip a step: whether its next scale may do better.

    It may not with a scale that is fixed, nor below 1, where the gradients
    overflow of themselves.
    """
    before = scaler.get_scale()
    optim_wrapper.step()
    return 1 <= scaler.get_scale() < before
