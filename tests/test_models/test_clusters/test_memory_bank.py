"""The memory in checkpoints, in half precision and in two processes."""
import copy

import pytest
import torch
from mmengine.runner import save_checkpoint
from mmengine.runner.checkpoint import load_state_dict
from torch.nn.parallel import DistributedDataParallel

from samix_mm.models.clusters.online_clusters import OnlineClusters
from tests.helpers.clusters import (BLOBS, DIM, EACH, assert_state_equal,
                                    batches, blobs, started, stream)
from tests.helpers.processes import gloo_processes


@pytest.mark.parametrize('memory_dtype', ['float32', 'float16'])
@pytest.mark.parametrize('load', [
    lambda module, state: module.load_state_dict(state),
    lambda module, state: load_state_dict(module, state, strict=True)
])
def test_resumed_goes_on_bit_for_bit(tmp_path, memory_dtype, load):
    # a large min_size lets each refresh split
    kwargs = dict(memory_dtype=memory_dtype, min_size=EACH)
    clusters = started(**kwargs)
    stream(clusters, 20)
    path = str(tmp_path / 'state.pth')
    save_checkpoint(clusters.state_dict(), path)
    before = clusters.split_seed.clone()
    stream(clusters, 5, refresh_interval=1, seed=1)
    assert clusters.split_seed > before
    resumed = OnlineClusters(BLOBS, DIM, **kwargs)
    load(resumed, torch.load(path))
    assert resumed.started
    stream(resumed, 5, refresh_interval=1, seed=1)
    assert_state_equal(clusters.state_dict(), resumed.state_dict())


def test_buffers_stay_the_same_tensors():
    clusters = OnlineClusters(BLOBS, DIM)
    buffers = dict(clusters.named_buffers())
    clusters.start(blobs(0.1)[0])
    other = OnlineClusters(BLOBS, DIM)
    other.start(blobs(0.1)[0][:50])
    clusters.load_state_dict(other.state_dict())
    clusters.refresh()
    for name, buffer in clusters.named_buffers():
        assert buffer is buffers[name], name
    assert len(clusters.labels) == 50


def test_a_checkpoint_brings_its_number_of_images():
    fresh, other = OnlineClusters(BLOBS, DIM), OnlineClusters(BLOBS, DIM)
    other.load_state_dict(fresh.state_dict())
    assert not other.started
    other.start(blobs(0.1)[0])
    other.load_state_dict(fresh.state_dict())
    assert not other.started


@pytest.mark.parametrize('memory_dtype, loaded',
                         [('float16', 'float32'), ('float32', 'float16')])
def test_loading_keeps_the_type_of_the_memory(memory_dtype, loaded):
    clusters = OnlineClusters(BLOBS, DIM, memory_dtype=memory_dtype)
    clusters.load_state_dict(started(memory_dtype=loaded).state_dict())
    clusters.to('cpu')
    assert clusters.features.dtype == getattr(torch, memory_dtype)
    assert clusters.centroids.dtype == torch.float32
    copied = copy.deepcopy(clusters)
    assert copied.features.dtype == getattr(torch, memory_dtype)


@pytest.mark.parametrize('sizes', [(BLOBS + 1, DIM), (BLOBS, DIM + 1)])
def test_a_checkpoint_of_other_sizes_is_refused(sizes):
    clusters = OnlineClusters(*sizes)
    state = started().state_dict()
    with pytest.raises(RuntimeError, match='size mismatch for centroids'):
        clusters.load_state_dict(state)
    assert not clusters.started
    load_state_dict(clusters, state, strict=False)  # logs only
    assert not clusters.started


def test_size_of_the_memory_is_logged_once(monkeypatch):
    lines = []
    monkeypatch.setattr('samix_mm.models.clusters.memory_bank.print_log',
                        lambda message, **kwargs: lines.append(message))
    clusters = OnlineClusters(2, 1024, memory_dtype='float16')
    clusters.start(torch.rand(512, 1024))  # 1 MiB, and labels of 4 KiB
    clusters.refresh()
    assert len(lines) == 1
    assert 'memory of 512 images takes 1.0 MB on cpu' in lines[0]


def test_half_precision_takes_half_the_bytes():
    full, half = (
        started(memory_dtype=name).features for name in ('float32', 'float16'))
    assert (full.numel() * full.element_size() == 2 * half.numel() *
            half.element_size())
    torch.testing.assert_close(full, half.float(), rtol=1e-3, atol=1e-3)


def process(rank, folder):
    clusters = OnlineClusters(BLOBS, DIM, min_size=EACH)
    clusters.layer = torch.nn.Linear(2, 2)  # DDP wants a gradient
    # wrapped as a Runner does, before there is a memory
    clusters.forward = lambda inputs: clusters.layer(inputs)
    wrapped = DistributedDataParallel(clusters, broadcast_buffers=True)
    clusters.start(blobs(0.6)[0])
    changed = []
    for number, (index, feats) in enumerate(batches(12), 1):
        own = slice(16 * rank, 16 * (rank + 1))
        changed.append(clusters.update(index[own], feats[own]))
        if number % 3 == 0:
            clusters.refresh()
        wrapped(torch.rand(1, 2)).sum().backward()
    # the same image on both ranks, and twice on the second
    changed.append(
        clusters.update(
            torch.tensor([[7, 8], [7, 7]][rank]),
            torch.eye(4, DIM)[2 * rank:2 * rank + 2]))
    state = dict(clusters.named_buffers(), changed=torch.stack(changed))
    torch.save(state, f'{folder}/state_{rank}.pth')


def test_two_processes_equal_one_with_the_joined_batches(tmp_path):
    with gloo_processes(process, tmp_path):
        clusters = started(min_size=EACH)
        changed = []
        for number, (index, feats) in enumerate(batches(12), 1):
            changed.append(clusters.update(index, feats))
            if number % 3 == 0:
                clusters.refresh()
        changed.append(
            clusters.update(torch.tensor([7, 8, 7, 7]), torch.eye(4, DIM)))
        expected = dict(clusters.named_buffers(), changed=torch.stack(changed))
    for rank in range(2):
        assert_state_equal(
            torch.load(tmp_path / f'state_{rank}.pth'), expected)
