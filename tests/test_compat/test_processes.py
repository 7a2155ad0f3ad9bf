"""Several gloo processes: what they share, what they do not, how they end."""
import os
import sys
import time
from pathlib import Path

import pytest
import torch

from samix_mm.engine.model_wrapper import GuardedDistributedDataParallel
from samix_mm.engine.utils.data_checks import check_batches
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import batch, build, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views

NUM = 4  # images in each process
ALGORITHMS = dict(
    classifier=lambda: build(momentum=0.9),
    infonce=lambda: build_moco(),
    cluster=lambda: build_moco(objective=CLUSTERS))


def data_of(name, rank):
    if name == 'classifier':
        inputs, _, samples = batch(NUM, size=(16, 16), seed=rank)
    else:
        inputs, samples = views(NUM, seed=rank)
    return dict(inputs=inputs, data_samples=samples)


def train(rank, folder, name, steps):
    torch.manual_seed(0)
    model = ALGORITHMS[name]().train()
    wrapped = GuardedDistributedDataParallel(model, broadcast_buffers=False)
    optim_wrapper = sgd(model)
    drawn = []
    draw = model.mixing.pairings.draw
    model.mixing.pairings.draw = lambda *args: (drawn.append(draw(*args))
                                                or drawn[-1])
    data = data_of(name, rank)
    for _ in range(steps):
        wrapped.train_step(data, optim_wrapper)
        model.update_momentum_net(0.9)
    shared = {
        key: value
        for key, value in model.state_dict().items()
        if torch.is_tensor(value) and 'running_' not in key
        and 'num_batches' not in key and '_extra_state' not in key
    }
    torch.save(
        dict(shared=shared, lams=[pairing.lam for pairing in drawn],
             partners=torch.stack([pairing.index for pairing in drawn])),
        f'{folder}/{rank}.pth')


@pytest.mark.parametrize('name, num, steps', [
    ('classifier', 2, 200), ('classifier', 3, 200), ('infonce', 3, 10),
    ('cluster', 2, 15)
])
def test_the_same_weights_and_other_ratios(tmp_path, name, num, steps):
    with gloo_processes(train, tmp_path, name, steps, num=num):
        pass
    first, *others = (torch.load(tmp_path / f'{rank}.pth')
                      for rank in range(num))
    for other in others:
        for key, value in first['shared'].items():
            assert (value - other['shared'][key]).abs().max() == 0, key
        assert not set(first['lams']) & set(other['lams'])
        assert not torch.equal(first['partners'], other['partners'])
    assert first['shared']['backbone.conv1.weight'].isfinite().all()


def train_with_a_bad_image(rank, folder):
    torch.manual_seed(0)
    model = build().train()
    wrapped = GuardedDistributedDataParallel(model, broadcast_buffers=False)
    optim_wrapper = sgd(model)
    good = data_of('classifier', rank)
    bad = good if rank == 0 else dict(
        good, inputs=good['inputs'] * float('nan'))
    skipped = []
    for data in (good, bad, good):
        weight = model.backbone.conv1.weight.detach().clone()
        wrapped.train_step(data, optim_wrapper)
        skipped.append((model.skipped_steps,
                        torch.equal(weight, model.backbone.conv1.weight)))
    assert skipped == [(0, False), (1, True), (0, False)], skipped
    assert all(value.isfinite().all() for value in model.state_dict().values()
               if torch.is_tensor(value))


def test_a_bad_image_of_one_process_is_skipped_by_all(tmp_path):
    with gloo_processes(train_with_a_bad_image, tmp_path):
        pass


SCRIPT = '''
import os
import sys
import samix_mm
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner


class Die(Hook):
    def before_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 2 and runner.rank == 1:
            os._exit(9)


cfg = Config.fromfile(sys.argv[1])
cfg.work_dir = 'work_dir'
cfg.launcher = 'pytorch'
cfg.train_cfg.max_epochs = 1000
cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
runner = Runner.from_cfg(cfg)
runner.register_hook(Die())
runner.train()
'''


def test_the_others_end_when_one_dies(tmp_path):
    """Nobody waits for it until a time limit of half an hour."""
    import subprocess
    (tmp_path / 'script.py').write_text(SCRIPT)
    config = Path(__file__).parents[2] / 'configs/samix/samix_digits_r18.py'
    start = time.monotonic()
    result = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone',
         '--nproc_per_node=2', 'script.py', str(config)],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
        env=dict(os.environ, OMP_NUM_THREADS='1'))
    assert result.returncode != 0
    assert time.monotonic() - start < 200
    assert 'exitcode  : 9' in result.stderr


class Sampler:
    """A distributed sampler of 7 images, of which one process gets 4."""

    def __init__(self, round_up):
        self.round_up, self.world_size, self.dataset = round_up, 2, range(7)

    def __len__(self):
        return 4


class Loader:
    batch_size, drop_last = 2, False

    def __init__(self, round_up):
        self.sampler = Sampler(round_up)
        self.dataset = self.sampler.dataset


def test_uneven_batches_are_refused_before_training():
    with pytest.raises(ValueError, match='round_up=True'):
        check_batches(Loader(round_up=False))
    check_batches(Loader(round_up=True))
