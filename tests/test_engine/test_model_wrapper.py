import torch
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from mmengine.runner import runner as runner_module
from torch import nn

from samix_mm.engine import GuardedDistributedDataParallel
from tests.helpers.processes import gloo_processes


class Plain(BaseModel):
    """A model that knows nothing of guarded steps."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        return dict(loss=self.layer(inputs).square().mean())


class Guarded(Plain):

    def guarded_step(self, network, data, optim_wrapper):
        return dict(network=network)


def test_it_takes_the_place_of_mmengines():
    for found in (runner_module.MMDistributedDataParallel,
                  MODEL_WRAPPERS.get('MMDistributedDataParallel'),
                  MODEL_WRAPPERS.get('GuardedDistributedDataParallel')):
        assert found is GuardedDistributedDataParallel
    assert issubclass(GuardedDistributedDataParallel,
                      MMDistributedDataParallel)


def steps(rank, folder):
    data = dict(inputs=torch.full((3, 2), rank + 1.))
    weights = []
    for kind in (MMDistributedDataParallel, GuardedDistributedDataParallel):
        torch.manual_seed(0)
        model = kind(Plain(), device_ids=None)
        sgd = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        for _ in range(2):
            logged = model.train_step(data, sgd)
        assert list(logged) == ['loss']
        weights.append(model.module.layer.weight.detach().clone())
    assert torch.equal(*weights)
    # a device that there is not
    model = GuardedDistributedDataParallel(Guarded(), device_ids=[rank])
    assert model.train_step(data, sgd)['network'] is model


def test_models_that_guard_nothing_step_as_ever(tmp_path):
    with gloo_processes(steps, tmp_path):
        pass


def built_from_config(rank, folder):
    import os
    os.environ['LOCAL_RANK'] = str(rank)
    runner = Runner(
        model=Plain(),
        work_dir=folder,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', static_graph=True)))
    assert isinstance(runner.model, GuardedDistributedDataParallel)
    assert runner.model.static_graph


def test_a_wrapper_that_a_config_names(tmp_path):
    with gloo_processes(built_from_config, tmp_path):
        pass
