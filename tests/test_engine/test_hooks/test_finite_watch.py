import math

import pytest
import torch

from samix_mm.engine.hooks.finite_watch import FiniteWatch


def outputs(device='cpu', **values):
    return {name: torch.tensor(value) for name, value in values.items()}


def test_a_cpu_is_read_at_once():
    watch = FiniteWatch()
    watch.add(outputs(loss=1., loss_mixer=2., lam_gap=math.nan), 0)
    with pytest.raises(FloatingPointError, match=r"n 1: \{'loss_mixer': nan}"):
        watch.add(outputs(loss=1., loss_mixer=math.nan), 1)


class OnDevice(torch.Tensor):
    """A tensor that says it lies on an accelerator."""

    @property
    def device(self):
        return torch.device('cuda')


def test_an_accelerator_is_read_every_so_many_steps(monkeypatch):
    watch = FiniteWatch(interval=3)
    stack = torch.stack
    monkeypatch.setattr(torch, 'stack',
                        lambda parts: stack(parts).as_subclass(OnDevice))
    watch.add(outputs(loss=1.), 0)
    watch.add(outputs(loss=-math.inf), 1)
    with pytest.raises(FloatingPointError, match="iteration 1: {'loss': -inf"):
        watch.add(outputs(loss=math.nan), 2)
    watch.add(outputs(loss=math.nan), 3)
    with pytest.raises(FloatingPointError, match='iteration 3'):
        watch.check()  # as before a checkpoint
    watch.check()


def test_steps_without_losses():
    watch = FiniteWatch()
    watch.add(None, 0)
    watch.add(dict(accuracy=1.), 1)
    watch.check()
