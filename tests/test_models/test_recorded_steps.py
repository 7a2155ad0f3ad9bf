"""What the code computed before it was rewritten, it computes now."""
import json
from functools import lru_cache

import pytest

from tests.helpers.recorded_step import CASES, DRAW_ONCE, NUM_STEPS, PATH, run

RECORDED = json.loads(PATH.read_text())['cases']
#: Models compute in float64: what is left of an equal formula is rounding,
#: below 1e-12 of the norm, and that of the numbers in the file, 1e-9.
RTOL = 1e-6
#: Some gradients are 0 but for rounding: those of a bias before a norm layer.
ATOL = 1e-12


@lru_cache(None)
def now(name):
    """The numbers of today's code, from the recorded ratios and partners."""
    return run(CASES[name], given=RECORDED[name]['draws'])


def assert_close(found, recorded):
    assert found.keys() == recorded.keys()
    for role, numbers in recorded.items():
        # A sum near 0 is as exact as what it is the sum of.
        tolerance = ATOL + RTOL * max(map(abs, numbers))
        assert found[role] == pytest.approx(
            numbers, rel=0, abs=tolerance), role


def test_all_cases_are_recorded():
    assert RECORDED.keys() == CASES.keys()


@pytest.mark.parametrize('name', CASES)
def test_losses(name):
    for step in range(NUM_STEPS):
        recorded = RECORDED[name]['losses'][step]
        assert now(name)['losses'][step] == pytest.approx(
            recorded, rel=RTOL, abs=ATOL)


@pytest.mark.parametrize('name', CASES)
def test_gradients(name):
    for step in range(NUM_STEPS):
        assert_close(
            now(name)['gradients'][step], RECORDED[name]['gradients'][step])


@pytest.mark.parametrize('name', CASES)
def test_momentum_network_and_buffers(name):
    """After the second momentum update."""
    assert_close(now(name)['state'], RECORDED[name]['state'])


@pytest.mark.parametrize('name', sorted(CASES.keys() - DRAW_ONCE))
def test_ratios_and_partners(name):
    """A seed draws what it drew, so that runs can be repeated."""
    assert run(CASES[name])['draws'] == RECORDED[name]['draws']
