import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import all_gather
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from ...utils.preprocessed import first_view
from ...utils.sample_index import sample_indices


@torch.no_grad()
def all_features(model: nn.Module, dataloader: DataLoader,
                 seed: int) -> Tensor:
    """Features of each image of a training set, in the set's order.

    The first view of each image goes through the model's
    ``cluster_features``; processes share the work. The model and all random
    states are afterwards as before.

    Running statistics of a fresh network are useless, so that BN normalises
    by each batch. Images come shuffled for it: a batch of one class, as data
    sets sorted by class would give, would lose what is common to the class.
    All else is in evaluation mode, without dropout.

    Args:
        model (nn.Module): The algorithm, not wrapped, with
            ``data_preprocessor`` and ``cluster_features``.
        dataloader (DataLoader): Of the training. Taken from it are the data
            set, the size of batches and how they are loaded.
        seed (int): Of the order.

    Returns:
        Tensor: Shape (n, D), float32, the same in all processes.

    Raises:
        ValueError: If images have no ``sample_idx`` or not each its own.
    """
    size = len(dataloader.dataset)
    index, feats = [], []
    with _untouched(model):
        for batch in _loader(dataloader, seed):
            view, data_samples = first_view(
                model.data_preprocessor(batch, False))
            index.append(sample_indices(data_samples))
            feats.append(model.cluster_features(view).float())
    feats = torch.cat(all_gather(torch.cat(feats)))
    index = torch.cat(all_gather(torch.cat(index))).to(feats.device)
    # of images that the sampler repeats, the first one
    ordered, position = index.sort(stable=True)
    images = torch.arange(size, device=index.device)
    if not torch.equal(ordered.unique(), images):
        raise ValueError(
            f'each of the {size} images needs a sample_idx of its own from 0 '
            f'to {size - 1}, got {len(ordered.unique())} different ones from '
            f'{ordered[0]} to {ordered[-1]}; ConcatDataset and RepeatDataset '
            'repeat them: use one data set, and no images that cannot be read')
    return feats[position[torch.searchsorted(ordered, images)]]


def _loader(dataloader: DataLoader, seed: int) -> DataLoader:
    """A loader of each image once, shared by the processes."""
    dataset = dataloader.dataset
    order = list(DefaultSampler(dataset, shuffle=True, seed=seed))
    # a loader with a batch sampler of its own has no batch size
    batch_size = dataloader.batch_size or getattr(dataloader.batch_sampler,
                                                  'batch_size', 64)
    # Batches of nearly equal sizes: a rest of one image would have no batch
    # statistics, and few images poor ones.
    number = max(1, min(-(-len(order) // batch_size), len(order) // 2))
    batches = [part.tolist() for part in np.array_split(order, number)]
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        pin_memory=dataloader.pin_memory,
        worker_init_fn=dataloader.worker_init_fn,
        multiprocessing_context=dataloader.multiprocessing_context)


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Let BN normalise by batches and all else be in evaluation mode; leave
    modes, statistics and random states as they were."""
    modes = {module: module.training for module in model.modules()}
    statistics = [(buffer, buffer.clone()) for buffer in model.buffers()]
    devices = {param.device for param in model.parameters() if param.is_cuda}
    # augmentations run in this process if there are no workers
    python_state, numpy_state = random.getstate(), np.random.get_state()
    # before the others, as some models keep BN frozen in training
    model.train()
    for module in modes:
        if not isinstance(module, _BatchNorm):
            module.training = False
    try:
        with torch.random.fork_rng(devices=list(devices)):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        for module, mode in modes.items():
            module.training = mode
        for buffer, value in statistics:
            buffer.copy_(value)
