"""A step asks the device for one number: whether to skip the optimizer's.

On a GPU each ``item()``, ``bool()`` or boolean index is a synchronisation;
their operators are the same on a CPU.
"""
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.helpers.tiny import batch, build, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views

WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', '_unique2',
           'equal')


class Operators(TorchDispatchMode):
    """Records the names of all operators."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def waits(names):
    return [name for name in names if name in WAITING]


@pytest.mark.parametrize('build_model, data, kwargs', [
    (build, batch, {}),
    (build, batch, dict(mixing=dict(type='SAMix', lam_per_sample=True))),
    (build, batch, dict(head=dict(type='EtaBalancedClsHead'))),
    (build, batch, dict(mixing=dict(type='CutMix'))),
    (build, batch, dict(mixing=dict(type='FMix', lam_per_sample=True))),
    (build, batch, dict(mixing=dict(type='ManifoldMix'))),
    (build_moco, views, {}),
    (build_moco, views, dict(objective=CLUSTERS)),
])
def test_a_training_step(build_model, data, kwargs):
    model = build_model(**kwargs).train()
    inputs, *_, samples = data()
    if getattr(model, 'clusters', None) is not None:
        # The numbers of images are read on the CPU, where they come from.
        model.clusters.known = lambda index: index
    optim_wrapper = sgd(model)
    optim_wrapper.initialize_count_status(model, 0, 8)
    with Operators() as operators:
        losses = model.loss(inputs, samples)
    assert len(operators.names) > 100
    assert 'loss_mix' in losses and waits(operators.names) == []
    with Operators() as operators:
        model.train_step(
            dict(inputs=inputs, data_samples=samples), optim_wrapper)
        model.update_momentum_net(0.9)
    assert waits(operators.names) == ['_local_scalar_dense']


def test_that_waiting_is_noticed():
    with Operators() as operators:
        bool(torch.ones(3).sum() > 1)
        torch.ones(3).nonzero()
    assert waits(operators.names) == ['_local_scalar_dense', 'nonzero']
