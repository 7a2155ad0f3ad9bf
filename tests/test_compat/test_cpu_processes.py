import datetime
import os
import socket
import time

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dist import init_dist, utils

from samix_mm.compat.cpu_processes import without_gpus
from samix_mm.engine.model_wrapper import GuardedDistributedDataParallel
from tests.helpers.processes import TIMEOUT
from tests.helpers.tiny import loader, make_runner


@pytest.fixture
def called(monkeypatch):
    """The arguments with which a group is asked for; none is made."""
    calls = []
    monkeypatch.setattr(
        utils, '_init_dist_pytorch', without_gpus(lambda *args, **kwargs: (
            calls.append(('original', args, kwargs)))))
    monkeypatch.setattr(
        dist, 'init_process_group', lambda *args, **kwargs: calls.append(
            (*args, kwargs)))
    monkeypatch.setattr(dist, 'get_rank', lambda: 0)
    return calls


def test_the_options_of_a_group_are_passed_on(called, capsys):
    init_dist('pytorch', backend='nccl', timeout=77, init_method='env://')
    assert called == [('gloo', dict(
        timeout=datetime.timedelta(seconds=77), init_method='env://'))]
    assert 'gloo' in ''.join(capsys.readouterr())


def test_a_backend_that_is_no_gpus_is_kept_in_silence(called, capsys):
    init_dist('pytorch', backend='mpi')
    assert called == [('mpi', {})]
    assert 'gloo' not in ''.join(capsys.readouterr())


def test_a_timeout_that_is_none_keeps_mmengines_error(called):
    with pytest.raises(TypeError, match='in seconds'):
        init_dist('pytorch', timeout='long')
    assert not called


def test_other_libraries_make_their_own_groups(called):
    init_dist('pytorch', init_backend='deepspeed', timeout=77)
    (kind, args, kwargs), = called
    assert kind == 'original' and kwargs['init_backend'] == 'deepspeed'
    assert kwargs['timeout'] == datetime.timedelta(seconds=77)


def member(rank, folder, port):
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    runner = make_runner(
        f'{folder}/run',
        max_epochs=1,
        dataloader=loader(batch_size=2),
        launcher='pytorch',
        env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=77)))
    assert dist.get_backend() == 'gloo'
    group = dist.distributed_c10d._get_default_group()
    options = group._get_backend(torch.device('cpu')).options
    assert options._timeout == datetime.timedelta(seconds=77)
    assert isinstance(runner.model, GuardedDistributedDataParallel)
    runner.train()
    dist.barrier()
    # Destroying the group may wait for ever: see tests.helpers.processes.
    os._exit(0)


def test_a_stock_dist_cfg_on_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    context = mp.spawn(
        member, args=(str(tmp_path), port), nprocs=2, join=False)
    end = time.monotonic() + TIMEOUT
    while not context.join(timeout=1):
        assert time.monotonic() < end
