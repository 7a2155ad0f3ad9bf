import pytest
import torch
from mmengine.utils import ManagerMixin


def _managers(cls=ManagerMixin):
    yield cls
    for child in cls.__subclasses__():
        yield from _managers(child)


@pytest.fixture(autouse=True)
def clean_mmengine(monkeypatch):
    """No logger, message hub or scope of another test, a fixed seed, and no
    compilers asked for their versions by each runner."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    torch.manual_seed(0)
    yield
    for manager in _managers():
        for instance in manager._instance_dict.values():
            for handler in list(getattr(instance, 'handlers', [])):
                handler.close()
        manager._instance_dict.clear()
