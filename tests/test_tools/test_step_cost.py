"""The tool that measures what a step costs; no test depends on time."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis/step_cost.py'


def costs(cwd, *arguments, options=None):
    """Costs by the names of configs; bare names and paths are as good. What
    models log goes elsewhere."""
    command = [sys.executable, TOOL, *arguments, '--rounds', 1, '--json']
    if options:
        command += ['--cfg-options', *options]
    out = subprocess.check_output(
        [str(word) for word in command], cwd=cwd, text=True)
    # onedl-mmengine says on stdout that it misses a package, when imported.
    found = [json.loads(line) for line in out.splitlines() if line[0] == '{']
    return {cost['config']: cost for cost in found}


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    return costs(
        tmp_path_factory.mktemp('cost'), 'samix_cifar10-jpeg-1k_r18w16',
        ROOT / 'configs/samix/samix_cifar10-jpeg-1k_r18w16_fast.py',
        '--batch', 10)


def test_flops_of_the_default_and_of_the_preset(measured):
    default, fast = measured.values()
    assert default['config'] == 'samix_cifar10-jpeg-1k_r18w16'
    assert (default['size'], default['batch']) == (32, 10)
    assert 2.9 < default['flop_ratio'] <= 2.95
    assert 1.9 < fast['flop_ratio'] <= 1.95


def test_parts_add_up_to_the_step(measured):
    for mixed, interval, cost in zip((1, 0.7), (1, 8), measured.values()):
        gflops = {name: part['gflops'] for name, part in cost['parts'].items()}
        # the parts are those of a step in which the Mixer learns
        without = sum(gflops.values()) - gflops['momentum mixed']
        mean = without + gflops['momentum mixed'] / interval
        assert mean == pytest.approx(cost['gflops']['samix'], rel=0.01)
        vanilla = cost['gflops']['vanilla']
        assert gflops['online clean'] == pytest.approx(
            vanilla, rel=0.01)
        assert gflops['online mixed'] == pytest.approx(
            mixed * vanilla, rel=0.01)
        # without the last stage, a quarter, and without a backward pass
        assert gflops['momentum clean'] == pytest.approx(
            mixed * vanilla / 3 * 3 / 4, rel=0.05)


def test_memory_is_that_of_one_branch(measured):
    """At a batch of 10 the gradients of a branch weigh as its activations."""
    default, fast = measured.values()
    assert default['memory_ratio'] < 2
    assert default['megabytes']['vanilla'] > 5


def test_self_supervised(tmp_path):
    cost, = costs(
        tmp_path, 'samix-c_cifar10-jpeg-2k_r18w16', '--batch', 4,
        options=['model.objective.num_clusters=3']).values()
    assert cost['flop_ratio'] == pytest.approx(2.5, abs=0.05)
    assert {'online clean', 'online mixed', 'momentum clean',
            'momentum mixed', 'Mixer', 'EMA',
            'optimizer'} == set(cost['parts'])
