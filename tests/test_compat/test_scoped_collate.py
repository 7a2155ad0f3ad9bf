import mmengine.dataset
import pytest
from mmengine.config import ConfigDict
from mmengine.registry import FUNCTIONS
from mmengine.runner import FlexibleRunner, Runner

import samix_mm  # noqa: F401


def config(**kwargs):
    return ConfigDict(
        dataset=[0, 1], sampler=[0, 1], batch_size=2, num_workers=0, **kwargs)


@pytest.mark.parametrize('runner', [Runner, FlexibleRunner])
@pytest.mark.parametrize('name', ['default_collate', 'pseudo_collate'])
def test_a_loader_gets_mmengines_own_function(runner, name):
    cfg = config(collate_fn=dict(type=name, _scope_='mmpretrain'))
    loader = runner.build_dataloader(cfg)
    assert loader.collate_fn.func is getattr(mmengine.dataset, name)
    assert not loader.collate_fn.keywords
    assert cfg.collate_fn._scope_ == 'mmpretrain'  # left as it was


def test_arguments_of_functions_are_kept(monkeypatch):
    monkeypatch.setitem(FUNCTIONS.module_dict, 'greet', greet)
    loader = Runner.build_dataloader(
        config(worker_init_fn=dict(type='greet', _scope_='x', name='me'),
               collate_fn=dict(type=greet, name='you')))
    assert loader.worker_init_fn.keywords == dict(name='me')
    assert loader.collate_fn.keywords == dict(name='you')


def greet(worker_id, name):
    pass


def test_a_loader_that_is_built_already():
    loader = Runner.build_dataloader(config())
    assert Runner.build_dataloader(loader) is loader


def test_the_registry_keeps_mmengines_functions():
    for name in ('default_collate', 'pseudo_collate'):
        assert FUNCTIONS.get(name) is getattr(mmengine.dataset, name)
