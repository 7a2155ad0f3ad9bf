import math
from typing import Optional

import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.validation import check_count
from ..utils.data_checks import check_batches, check_labels
from ..utils.progress import progress_at
from .mask_loss_anneal_hook import MaskLossAnnealHook
from .online_cluster_hook import OnlineClusterHook
from .plain_checkpoint_hook import PlainCheckpointHook

ADVICE = ('lower the learning rate, clip gradients with '
          'optim_wrapper.clip_grad, look for NaN in the images or, in fp16, '
          'train with --amp, which scales the loss')


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

    The hook is all that a config needs besides the algorithm: a
    :class:`MaskLossAnnealHook`, a :class:`PlainCheckpointHook` and, for an
    algorithm with clusters, an :class:`OnlineClusterHook` are registered with
    their defaults where the config has none.

    Args:
        warmup_iters (int): During the first so many iterations :math:`m_t` is
            multiplied by a factor that rises linearly from 0 to 1. A momentum
            network that follows slowly from a random start stays near chance
            for the first thousand steps, which short runs cannot afford.
            Defaults to 0, as in the paper.
        max_skipped (int): How many steps in a row may be skipped because a
            loss or a gradient is not finite, before training stops. Training
            that ends with a skipped step ends with an error in any case.
            Defaults to 10.

    Raises:
        ValueError: If a number is negative or not whole.
    """

    priority = 'NORMAL'

    def __init__(self, warmup_iters: int = 0, max_skipped: int = 10) -> None:
        self.warmup_iters = check_count('warmup_iters', warmup_iters, least=0)
        self.max_skipped = check_count('max_skipped', max_skipped, least=0)

    def before_run(self, runner: Runner) -> None:
        """Register the companions that the config leaves out."""
        companions = [MaskLossAnnealHook, PlainCheckpointHook]
        if getattr(_unwrap(runner), 'clusters', None) is not None:
            companions.append(OnlineClusterHook)
        for companion in companions:
            if not any(isinstance(hook, companion) for hook in runner.hooks):
                runner.register_hook(companion())

    def before_train(self, runner: Runner) -> None:
        """Check the model, the data and the schedule.

        Raises:
            TypeError: If the model has no momentum network.
            ValueError: If the hook or a companion is there twice, the warm-up
                is longer than the training, there would be no batch or one of
                a single image, the head has no class for a label, or DDP
                would wait for a Mixer that is not trained in each step.
            FloatingPointError: If a weight is not finite.
        """
        model = _unwrap(runner)
        if not hasattr(model, 'update_momentum_net'):
            raise TypeError(
                'EMAMomentumHook needs a model with a momentum network such '
                f'as SAMixClassifier, got {type(model).__name__}')
        for kind in (EMAMomentumHook, MaskLossAnnealHook, OnlineClusterHook):
            if sum(isinstance(hook, kind) for hook in runner.hooks) > 1:
                raise ValueError(f'{kind.__name__} is in custom_hooks more '
                                 'than once; leave one')
        _check_weights(model, 'at the start of training',
                       'start from another checkpoint')
        check_batches(runner.train_dataloader)
        if self.warmup_iters >= runner.max_iters:
            raise ValueError(
                f'warmup_iters must be below the {runner.max_iters} '
                f'iterations of the training, got {self.warmup_iters}')
        check_labels(runner.train_dataloader.dataset,
                     getattr(getattr(model, 'head', None), 'num_classes',
                             None))
        model.momentum_net.expect_updates()
        if isinstance(runner.model, MMDistributedDataParallel):
            _check_unused_parameters(runner.model)
        optimizer = runner.optim_wrapper.optimizer
        self._handle = optimizer.register_step_post_hook(self._has_stepped)
        self._stepped = False

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let no checkpoint of no use take the place of a good one.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        _check_weights(
            _unwrap(runner),
            f'after {checkpoint["meta"]["iter"]} iterations',
            f'this checkpoint is not saved; {ADVICE}')

    def after_train(self, runner: Runner) -> None:
        """Leave the optimizer as it was.

        Raises:
            FloatingPointError: If the last steps were skipped.
        """
        self._handle.remove()
        skipped = _unwrap(runner).skipped_steps
        if skipped:
            raise FloatingPointError(
                f'training ended without a step of the optimizer in its last '
                f'{skipped} iterations: {self._skip_message}; the weights are '
                f'those of before. Repeat these with --resume, or {ADVICE}')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Move the momentum network, if the optimizer has made a step.

        Raises:
            FloatingPointError: If too many steps in a row were skipped.
        """
        model = _unwrap(runner)
        if model.skip_reason is not None:
            self._report(runner, model)
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

    def _report(self, runner: Runner, model: torch.nn.Module) -> None:
        """Say what was not finite, and stop if it goes on."""
        lams = [str(lam) for lam in model.pairs.lams_of_last_step()]
        self._skip_message = (
            f'not finite at iteration {runner.iter}: {model.skip_reason} with '
            f'lam = {" and ".join(lams)} (Mixer and online network)')
        if model.skipped_steps > self.max_skipped:
            raise FloatingPointError(
                f'{self._skip_message}, after {self.max_skipped} skipped '
                f'steps in a row; {ADVICE}')
        runner.logger.warning(
            f'{self._skip_message}; the step is skipped, and gradients that '
            'were accumulated for it are dropped')


def _unwrap(runner: Runner) -> torch.nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def _check_unused_parameters(wrapper: MMDistributedDataParallel) -> None:
    interval = wrapper.module.mixer_interval
    if interval > 1 and not wrapper.find_unused_parameters:
        raise ValueError(
            f'mixer_interval={interval} leaves the Mixer without gradients in '
            'most steps, for which several processes would wait; write '
            'find_unused_parameters = True into the config')


def _check_weights(model: torch.nn.Module, when: str, advice: str) -> None:
    bad = model.bad_weights()
    if bad:
        raise FloatingPointError(
            f'weights are not finite {when} ({bad}); {advice}')
