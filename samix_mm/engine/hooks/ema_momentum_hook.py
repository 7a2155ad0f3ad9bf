import math
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.unwrapping import unwrap
from ...utils.validation import check_count
from ..utils.progress import progress_at
from .companions import register_companions


@HOOKS.register_module()
class EMAMomentumHook(Hook):
    r"""Let the momentum network follow the online one (Eq. 12), with a
    momentum that rises during training.

    At iteration t of T the weight kept by the momentum network is

    .. math::
        m_t = m_T - (m_T - m_0) (\cos(\pi t / T) + 1) / 2,

    from the algorithm's ``momentum`` :math:`m_0` to its ``end_momentum``
    :math:`m_T`. The network moves once an optimizer step, also when gradients
    are accumulated.

    The hook is all that a config needs besides the algorithm: what else the
    algorithm wants, :func:`register_companions` registers.

    Args:
        warmup_iters (int): During the first ``warmup_iters`` iterations
            :math:`m_t` is multiplied by a factor that rises linearly from 0
            to 1. A momentum network that follows slowly from a random start
            stays near chance for the first thousand steps, which short runs
            cannot afford. Defaults to 0, as in the paper.

    Raises:
        ValueError: If ``warmup_iters`` is negative or not whole.
    """

    priority = 'NORMAL'

    def __init__(self, warmup_iters: int = 0) -> None:
        self.warmup_iters = check_count('warmup_iters', warmup_iters, least=0)

    def before_run(self, runner: Runner) -> None:
        """Register the hooks that the config leaves out."""
        register_companions(runner)

    def before_train(self, runner: Runner) -> None:
        """Check the model and the schedule.

        Raises:
            TypeError: If the model has no momentum network.
            ValueError: If the warm-up is longer than the training.
        """
        model = unwrap(runner.model)
        if getattr(model, 'momentum_net', None) is None:
            raise TypeError(
                'EMAMomentumHook needs a model with a momentum network such '
                f'as SAMixClassifier, got {type(model).__name__} without; '
                'leave the hook out or write model=dict(momentum_net=True)')
        if self.warmup_iters >= runner.max_iters:
            raise ValueError(
                f'warmup_iters must be below the {runner.max_iters} '
                f'iterations of the training, got {self.warmup_iters}')
        model.momentum_net.expect_updates()
        optimizer = runner.optim_wrapper.optimizer
        self._handle = optimizer.register_step_post_hook(self._has_stepped)
        self._stepped = False

    def after_train(self, runner: Runner) -> None:
        """Leave the optimizer as it was."""
        self._handle.remove()

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Move the momentum network, if the optimizer has made a step."""
        model = unwrap(runner.model)
        momentum = self.momentum_at(runner.iter, runner.max_iters, model)
        if self._stepped:
            model.update_momentum_net(momentum)
        self._stepped = False
        runner.message_hub.update_scalar('train/momentum', momentum)

    def momentum_at(self, iteration: int, max_iters: int, model) -> float:
        """The weight kept by the momentum network.

        Args:
            iteration (int): Iteration t, from 0; past T as at T.
            max_iters (int): Iterations of the whole training, T.
            model: The algorithm, with ``momentum`` and ``end_momentum``.

        Returns:
            float: The weight, in [0, 1].
        """
        progress = progress_at(iteration, max_iters)
        left = (math.cos(math.pi * progress) + 1) / 2
        end = model.end_momentum
        momentum = end - (end - model.momentum) * left
        if iteration < self.warmup_iters:
            momentum *= iteration / self.warmup_iters
        return momentum

    def _has_stepped(self, *args) -> None:
        """Called by the optimizer, which a gradient scaler may leave out."""
        self._stepped = True
