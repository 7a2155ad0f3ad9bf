from typing import Any, Dict, List, Optional

from mmengine.dist import (all_gather_object, broadcast_object_list, get_rank,
                           get_world_size)
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.nn import Module
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from ...datasets.sampler_seeds import read_seeds, write_seeds
from ...datasets.seeded import SeededBatches, SeededDataset
from ...registry import HOOKS
from ...utils.random_state import seed_global_generators
from ..utils.batch_stream import BatchStream
from ..utils.open_gradients import open_gradients, put_back
from ..utils.saved_place import SavedPlace

#: Entries of a checkpoint.
PLACE, GRADIENTS = 'place_in_epoch', 'open_gradients'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """A resumed training goes on as if it had never stopped.

    MMEngine saves neither random states nor the place in the epoch. This hook
    saves the place and the seeds of the samplers; all random numbers of a
    training iteration, of the order of the images and of the transforms of
    each image are functions of the seeds, the rank and the place. A resumed
    run draws what it would have drawn, from the batch on at which the
    checkpoint was saved, also in the middle of an epoch, whatever the number
    of data-loader workers and without a fixed seed. With other batches than
    the checkpoint's (their size, the data, the number of processes) an epoch
    that was begun begins anew, and a warning says so.

    Gradients that were accumulated but not yet applied are saved as well, in
    a single process; of several they are lost. MMEngine's files of the best
    epoch have neither optimizer nor schedules: nothing goes on exactly from
    these, as a warning says.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._loaded: Dict[str, Any] = {}
        self._missing: List[str] = []
        #: Iteration at which an epoch began, for this one and the next.
        self._first_iters: Dict[int, int] = {}
        self._seeds: List[List[int]] = []
        self._built_with: Optional[int] = None

    def before_run(self, runner: Runner) -> None:
        """Remember the seed that the data loader was built with."""
        self._built_with = runner.seed

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the place of the checkpoint."""
        self._loaded = {
            key: checkpoint[key]
            for key in (PLACE, GRADIENTS) if key in checkpoint
        }
        self._missing = [
            part for part in ('optimizer', 'param_schedulers')
            if part not in checkpoint and getattr(runner, part, True)
        ]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save how many batches of which epoch were seen."""
        if not self._first_iters:  # training has not begun
            return
        meta = checkpoint['meta']
        first = self._first_iters.get(meta['epoch'], meta['iter'])
        checkpoint[PLACE] = dict(
            self._batches_of(runner),
            seen=meta['iter'] - first,
            seeds=self._seeds)
        gradients = open_gradients(runner)
        if gradients and 'optimizer' in checkpoint:
            checkpoint[GRADIENTS] = gradients

    def before_train(self, runner: Runner) -> None:
        """Go to the place of the checkpoint, and seed each image by its own.

        Raises:
            ValueError: If the loader has no batches of indices.
        """
        loader = runner.train_dataloader
        if (not isinstance(loader, DataLoader) or loader.batch_sampler is None
                or isinstance(loader.dataset, IterableDataset)):
            raise ValueError(
                'ExactResumeHook needs a train_dataloader with a batch '
                f'sampler, got {type(loader).__name__}; leave the hook out '
                "with default_hooks = dict(exact_resume=None)")
        # A run at its beginning has loaded the weights only.
        loaded = self._loaded if runner.iter > 0 else {}
        self._loaded = {}
        place = SavedPlace(loaded[PLACE]) if PLACE in loaded else None
        _unwrap(loader)
        self._first_iters = {
            runner.epoch: runner.iter - self._seen_before(runner, place)
        }
        self._restore_seeds(runner, place)
        put_back(runner, loaded.get(GRADIENTS, {}))
        _share_extra_states(runner.model)
        self._wrap(runner, loader)
        if self._missing and runner.iter > 0:
            runner.logger.warning(
                'The training does not go on exactly: the checkpoint has no '
                f'{" and no ".join(self._missing)}, as those of the best '
                'epoch; resume from the last one')

    def before_train_epoch(self, runner: Runner) -> None:
        """Go to the batch at which the run was interrupted."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            first = self._first_iters.setdefault(runner.epoch, runner.iter)
            self._batches.start(runner.epoch, skip=runner.iter - first)

    def after_train_epoch(self, runner: Runner) -> None:
        """The next epoch begins here, though its number is counted later."""
        self._first_iters[runner.epoch + 1] = runner.iter

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        """Seed the iteration by its number."""
        seed_global_generators(
            runner.seed, get_rank(), runner.iter, devices=True)

    def _seen_before(self, runner: Runner,
                     place: Optional[SavedPlace]) -> int:
        """How many batches of this epoch the interrupted run has seen."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            seen = runner.iter  # which MMEngine counts by itself
        elif place is None:
            seen = 0
        else:
            seen = place.seen_of(
                self._batches_of(runner), runner.epoch, runner.iter)
        if place is not None and place.differs_from(self._batches_of(runner)):
            begins = ': the epoch begins anew' if seen < place.seen else ''
            runner.logger.warning(
                'The training does not go on exactly. The checkpoint was '
                f'saved after {place.seen} batches of an epoch, with '
                f'{place.batches}, but this run has '
                f'{self._batches_of(runner)}{begins}')
        return seen

    def _restore_seeds(self, runner: Runner,
                       place: Optional[SavedPlace]) -> None:
        """Let samplers and workers use the seeds of the interrupted run."""
        loader = runner.train_dataloader
        own = seeds = read_seeds(loader)
        if place is not None:
            seeds = place.seeds_of(get_rank(), get_world_size())
            if seeds is None:
                # Those which the runner has drawn; it has the checkpoint's
                # by now.
                seeds = [
                    runner.seed if seed == self._built_with else seed
                    for seed in own
                ]
        if len(seeds) != len(own):
            runner.logger.warning(
                'The training does not go on exactly: the seeds of samplers '
                f'and workers in the checkpoint are {seeds}, but those of '
                f'this run are {own}, and stay')
            seeds = own
        write_seeds(loader, seeds)
        self._seeds = all_gather_object(seeds)

    def _wrap(self, runner: Runner, loader: DataLoader) -> None:
        """Let the loader give what belongs to the place."""
        self._batches = SeededBatches(loader.batch_sampler, runner.seed)
        _assign(
            loader, self._batches,
            SeededDataset(loader.dataset, runner.seed, get_rank()))
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            self._batches.start(0, skip=runner.iter, endless=True)
            # It has begun to iterate already, perhaps with workers that stay.
            loader._iterator = None
            skips = hasattr(loop.dataloader_iterator, 'skip_iter')
            loop.dataloader_iterator = BatchStream(
                loader, passed=0 if skips else runner.iter)

    @staticmethod
    def _batches_of(runner: Runner) -> Dict[str, Optional[int]]:
        loader = runner.train_dataloader
        return dict(
            batches=len(loader),
            processes=get_world_size(),
            batch_size=getattr(loader.batch_sampler, 'batch_size', None),
            images=len(loader.dataset))


def _assign(loader: DataLoader, batch_sampler: Sampler,
            dataset: Dataset) -> None:
    # DataLoader forbids these assignments once it is made.
    object.__setattr__(loader, 'batch_sampler', batch_sampler)
    object.__setattr__(loader, 'dataset', dataset)


def _unwrap(loader: DataLoader) -> None:
    """Undo what the hook of an earlier training did to the loader."""
    if isinstance(loader.batch_sampler, SeededBatches):
        _assign(loader, loader.batch_sampler.batch_sampler,
                loader.dataset.dataset)


def _share_extra_states(model: Module) -> None:
    """Begin in all processes with what a checkpoint will hold of the first
    one, such as the seed of a stream (``diff_rank_seed``)."""
    if get_world_size() == 1:
        return
    holders = [
        module for module in model.modules()
        if type(module).get_extra_state is not Module.get_extra_state
    ]
    states = [holder.get_extra_state() for holder in holders]
    broadcast_object_list(states)
    for holder, state in zip(holders, states):
        holder.set_extra_state(state)
