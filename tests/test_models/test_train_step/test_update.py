"""Which gradients the optimizer gets: accumulated, scaled, of many processes.
"""
import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from samix_mm.models.train_step.finiteness import Finite, finite_everywhere
from tests.helpers.overflow import Scaler, assert_finite, overflow_in
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import assert_same, batch, build, network_state, sgd
from tests.helpers.tiny_ssl import build_moco, views


@pytest.mark.parametrize('objective', [
    dict(type='InfoNCEObjective'),
    dict(type='ClusterObjective', num_clusters=3),
])
def test_queue_and_clusters_stay(objective):
    model = build_moco(objective=objective).train()
    inputs, samples = views()
    data = dict(inputs=inputs, data_samples=samples)
    optim_wrapper = sgd(model)
    model.train_step(data, optim_wrapper)
    model.mixing.mixer.project_gamma()
    before = network_state(model)
    bad = [True]
    overflow_in(model.neck.mlp, lambda: bad[0])
    log_vars = model.train_step(data, optim_wrapper)
    assert model.skipped_steps == 1 and log_vars['loss'].isfinite()
    after = network_state(model)
    before.pop('mixing.pairings._extra_state')
    after.pop('mixing.pairings._extra_state')
    assert_same(before, after, rtol=0, atol=0)
    bad[0] = False
    log_vars = model.train_step(data, optim_wrapper)
    assert model.skipped_steps == 0
    assert not torch.equal(before['queue'], model.queue)
    assert ('cluster_change' in log_vars) == (
        objective['type'] == 'ClusterObjective')


def with_overflow(bad_calls, optim_wrapper_of, num_steps):
    """Train a classifier; in which steps the weights moved, and the counts
    of skipped steps."""
    model, (inputs, _, samples) = build().train(), batch(4)
    calls = []
    overflow_in(model.head.fc, lambda: calls[-1] in bad_calls)
    optim_wrapper = optim_wrapper_of(model)
    moved, skipped = [], []
    for number in range(num_steps):
        calls.append(number)
        before = model.head.fc.weight.detach().clone()
        model.train_step(
            dict(inputs=inputs, data_samples=samples), optim_wrapper)
        if not torch.equal(before, model.head.fc.weight):
            moved.append(number)
        skipped.append(model.skipped_steps)
    assert_finite(network_state(model))
    return moved, skipped


def test_gradients_are_accumulated_anew():
    """A bad one drops those before it, and does not reach those after it."""

    def accumulating(model):
        optim_wrapper = OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=3)
        optim_wrapper.initialize_count_status(model, 0, 9)
        return optim_wrapper

    assert with_overflow([1], accumulating, 9) == ([2, 5, 8],
                                                   [0, 1, 0, 0, 0, 0, 0, 0, 0])
    # Without any step of the optimizer the skipped ones add up.
    assert with_overflow([2, 5, 8], accumulating,
                         9) == ([], [0, 0, 1, 1, 1, 2, 2, 2, 3])


class ScalingWrapper(OptimWrapper):
    """Scales losses as MMEngine's AmpOptimWrapper does, which wants a GPU."""

    def __init__(self, model, scaler, **kwargs):
        super().__init__(torch.optim.SGD(model.parameters(), lr=0.1), **kwargs)
        self.loss_scaler = scaler

    def backward(self, loss, **kwargs):
        super().backward(self.loss_scaler.scale(loss), **kwargs)

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer)


def test_a_loss_scaler_finds_its_scale():
    """Its overflows are no failures, until they cannot be its scale's."""
    scaler = Scaler(16.)
    moved, skipped = with_overflow(
        range(1, 8), lambda model: ScalingWrapper(model, scaler), 9)
    assert moved == [0, 8] and scaler.get_scale() == 2**-3
    assert skipped == [0, 0, 0, 0, 0, 1, 2, 3, 0]
    scaler = Scaler(16., fixed=True)
    moved, skipped = with_overflow(
        range(1, 4), lambda model: ScalingWrapper(model, scaler), 5)
    assert moved == [0, 4] and skipped == [0, 1, 2, 3, 0]


@pytest.mark.parametrize('value, finite', [
    (1., True), (1e30, True), (float('inf'), False), (float('-inf'), False),
    (float('nan'), False)
])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_large_gradients_are_finite(value, finite, dtype):
    """Though their squares are not; a scale may grow that large."""
    params = [torch.zeros(3, dtype=dtype, requires_grad=True),
              torch.zeros((), requires_grad=True), torch.zeros(0)]
    params[0].grad = torch.tensor([0., value, 1.], dtype=dtype)
    params[1].grad = torch.ones(())
    expected = Finite.LOSS_AND_GRADIENTS if finite else Finite.LOSS
    assert finite_everywhere(torch.ones(()), params) is expected
    loss = torch.tensor(float('nan'))
    assert finite_everywhere(loss, params) is Finite.NOTHING


def test_a_loss_scaler_sees_the_overflow_of_any_accumulated_gradient():
    scaler = Scaler(16.)

    def accumulating(model):
        optim_wrapper = ScalingWrapper(model, scaler, accumulative_counts=2)
        optim_wrapper.initialize_count_status(model, 0, 4)
        return optim_wrapper

    assert with_overflow([0], accumulating, 4) == ([3], [0] * 4)
    assert scaler.get_scale() == 8.


def train_with_an_overflow(rank, folder):
    torch.manual_seed(0)
    model = build().train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    optim_wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    optim_wrapper.initialize_count_status(model, 0, 8)
    inputs, _, samples = batch(4, seed=rank)
    data = dict(inputs=inputs, data_samples=samples)
    calls = []
    # DDP reduces the gradients of number 3, but not those of number 4.
    overflow_in(model.head.fc, lambda: rank == 1 and calls[-1] in (3, 4))
    seen = []
    for number in range(8):
        calls.append(number)
        weight = model.head.fc.weight.detach().clone()
        model.guarded_step(wrapped, data, optim_wrapper)
        seen.append((model.skipped_steps,
                     not torch.equal(weight, model.head.fc.weight)))
    assert seen == [(0, False), (0, True), (0, False), (1, False),
                    (2, False), (0, True), (0, False), (0, True)], seen
    assert_finite(network_state(model))


def test_all_processes_skip_what_one_must(tmp_path):
    with gloo_processes(train_with_an_overflow, tmp_path):
        pass
