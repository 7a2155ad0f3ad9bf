import math
from typing import Optional

import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from .finite_watch import FiniteWatch
from .mask_loss_anneal_hook import MaskLossAnnealHook
from .online_cluster_hook import OnlineClusterHook
from .plain_checkpoint_hook import PlainCheckpointHook


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

    Raises:
        ValueError: If ``warmup_iters`` is negative.
    """

    priority = 'NORMAL'

    def __init__(self, warmup_iters: int = 0) -> None:
        if warmup_iters < 0:
            raise ValueError(
                f'warmup_iters must be 0 or more, got {warmup_iters}')
        self.warmup_iters = warmup_iters
        self._watch = FiniteWatch()

    def before_run(self, runner: Runner) -> None:
        """Register the companions that the config leaves out."""
        companions = [MaskLossAnnealHook, PlainCheckpointHook]
        if getattr(_unwrap(runner), 'clusters', None) is not None:
            companions.append(OnlineClusterHook)
        for companion in companions:
            if not any(isinstance(hook, companion) for hook in runner.hooks):
                runner.register_hook(companion())

    def before_train(self, runner: Runner) -> None:
        """Check the model and the schedule.

        Raises:
            TypeError: If the model has no momentum network.
            ValueError: If the hook is there twice, the warm-up is longer than
                the training, the last batch would have a single image, or DDP
                would wait for a Mixer that is not trained in each step.
        """
        model = _unwrap(runner)
        if not hasattr(model, 'update_momentum_net'):
            raise TypeError(
                'EMAMomentumHook needs a model with a momentum network such '
                f'as SAMixClassifier, got {type(model).__name__}')
        if sum(isinstance(hook, EMAMomentumHook) for hook in runner.hooks) > 1:
            raise ValueError('EMAMomentumHook is in custom_hooks more than '
                             'once; leave one')
        if self.warmup_iters >= runner.max_iters:
            raise ValueError(
                f'warmup_iters must be below the {runner.max_iters} '
                f'iterations of the training, got {self.warmup_iters}')
        _check_last_batch(runner.train_dataloader)
        model.momentum_net.expect_updates()
        if isinstance(runner.model, MMDistributedDataParallel):
            _check_unused_parameters(runner.model)
            # It calls the model's forward, not its train_step.
            model.release_branches_for(runner.optim_wrapper)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save nothing that is not finite.

        Raises:
            FloatingPointError: As :meth:`after_train_iter`.
        """
        self._watch.check()

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        self._watch.check()
        _unwrap(runner).release_branches_for(None)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Move the momentum network, if the optimizer has made a step.

        Raises:
            FloatingPointError: If a loss is not finite and no gradient scaler
                is there to skip the step.
        """
        if not hasattr(runner.optim_wrapper, 'loss_scaler'):
            self._watch.add(outputs, runner.iter)
        model = _unwrap(runner)
        momentum = self.momentum_at(runner.iter, runner.max_iters, model)
        if runner.optim_wrapper.should_update():
            model.update_momentum_net(momentum)
        runner.message_hub.update_scalar('train/momentum', momentum)

    def momentum_at(self, iteration: int, max_iters: int, model) -> float:
        """The weight kept by the momentum network.

        Args:
            iteration (int): Iteration t, from 0.
            max_iters (int): Iterations of the whole training, T.
            model: The algorithm, with ``momentum`` and ``end_momentum``.

        Returns:
            float: The weight, in [0, 1].
        """
        left = (math.cos(math.pi * iteration / max_iters) + 1) / 2
        end = model.end_momentum
        momentum = end - (end - model.momentum) * left
        if iteration < self.warmup_iters:
            momentum *= iteration / self.warmup_iters
        return momentum


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


def _check_last_batch(dataloader) -> None:
    """Refuse a last batch of one image now, not at the end of the epoch."""
    batch_size, sampler = dataloader.batch_size, dataloader.sampler
    num_samples = len(sampler)
    has_rest = not (
        dataloader.drop_last or isinstance(sampler, InfiniteSampler))
    if batch_size == 1 or (has_rest and num_samples % batch_size == 1):
        raise ValueError(
            'mixing needs at least 2 images in a batch, but '
            f'{num_samples} images in batches of {batch_size} leave a batch '
            'of 1; choose another train_dataloader.batch_size or set '
            'train_dataloader.drop_last=True')
