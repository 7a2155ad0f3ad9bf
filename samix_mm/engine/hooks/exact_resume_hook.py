import random
from typing import Dict, Optional

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from ...datasets.seeded import SeededBatches, SeededDataset


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """A resumed training goes on as if it had never stopped.

    MMEngine saves neither random states nor the place in the epoch. This hook
    saves the place; all random numbers of a training iteration, and those of
    the transforms of each image, are functions of the seed, the rank and the
    place. A resumed run draws what it would have drawn, from the batch on at
    which the checkpoint was saved, also in the middle of an epoch and whatever
    the number of data-loader workers. With other batches than the checkpoint's
    (their size, the number of processes) the epoch begins anew.

    With an ``IterBasedTrainLoop`` MMEngine itself goes through the batches
    that were seen, which takes its time. Gradients that were accumulated but
    not yet applied are lost with a checkpoint between two optimizer steps.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._resumed: Optional[dict] = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the place of the checkpoint."""
        self._resumed = checkpoint.get('place_in_epoch')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save how many batches of which epoch were seen."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            meta = checkpoint['meta']
            seen = meta['iter'] - self._first_iter
            checkpoint['place_in_epoch'] = dict(
                self._batches_of(runner),
                seen=seen if meta['epoch'] == runner.epoch else 0)

    def before_train(self, runner: Runner) -> None:
        """Seed each image of the training loader by its place.

        Raises:
            ValueError: If the loader has no batches of indices.
        """
        loader = runner.train_dataloader
        if not isinstance(loader, DataLoader) or loader.batch_sampler is None:
            raise ValueError(
                'ExactResumeHook needs a train_dataloader with a batch '
                f'sampler, got {type(loader).__name__}; leave the hook out '
                "with default_hooks = dict(exact_resume=None)")
        self._batches = SeededBatches(loader.batch_sampler)
        dataset = SeededDataset(loader.dataset, runner.seed, get_rank())
        # DataLoader forbids these assignments once it is made.
        object.__setattr__(loader, 'batch_sampler', self._batches)
        object.__setattr__(loader, 'dataset', dataset)
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            # It has begun to iterate already.
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loader)

    def before_train_epoch(self, runner: Runner) -> None:
        """Go to the batch at which the run was interrupted."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            seen = self._seen_before(runner)
            self._first_iter = runner.iter - seen
            self._batches.start(runner.epoch, skip=seen)

    def _seen_before(self, runner: Runner) -> int:
        """How many batches of this epoch the interrupted run has seen."""
        place, self._resumed = dict(self._resumed or dict(seen=0)), None
        seen = place.pop('seen')
        if runner.iter == 0:  # the weights were loaded, not resumed
            return 0
        if seen and place != self._batches_of(runner):
            runner.logger.warning(
                f'The checkpoint was saved after {seen} batches of an epoch, '
                f'with {place}, but this run has {self._batches_of(runner)}: '
                'the epoch begins anew')
            return 0
        return seen

    @staticmethod
    def _batches_of(runner: Runner) -> Dict[str, int]:
        return dict(
            batches=len(runner.train_dataloader), processes=get_world_size())

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Seed the iteration by its number."""
        place = runner.seed, get_rank(), runner.iter
        seeds = np.random.SeedSequence(place).generate_state(3)
        random.seed(int(seeds[0]))
        np.random.seed(seeds[1])
        torch.manual_seed(int(seeds[2]))
