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


def test_parts_are_those_of_the_step(measured):
    for mixed, interval, cost in zip((1, 0.7), (1, 8), measured.values()):
        gflops = {name: part['gflops'] for name, part in cost['parts'].items()}
        step = cost['gflops']['mixing']
        assert sum(gflops.values()) == pytest.approx(step)
        assert gflops['rest'] < 1e-4 * step
        vanilla = cost['gflops']['vanilla']
        assert gflops['online clean'] == pytest.approx(
            vanilla, rel=0.01)
        assert gflops['online mixed'] == pytest.approx(
            mixed * vanilla, rel=0.01)
        # without the gradients of weights
        assert gflops['momentum mixed'] == pytest.approx(
            mixed * vanilla * 2 / 3 / interval, rel=0.02)
        # without the last stage, a quarter, and without a backward pass
        assert gflops['momentum clean'] == pytest.approx(
            mixed * vanilla / 3 * 3 / 4, rel=0.05)
        assert 0 < gflops['mixing'] < 0.02 * step


def test_memory_is_that_of_one_branch(measured):
    """At a batch of 10 the gradients of a branch weigh as its activations."""
    default, fast = measured.values()
    assert default['memory_ratio'] < 2
    assert default['megabytes']['vanilla'] > 5


PARTS = {
    'online clean', 'online mixed', 'momentum clean', 'momentum mixed',
    'mixing', 'EMA', 'optimizer', 'rest'
}


def test_self_supervised(tmp_path):
    cost, = costs(
        tmp_path, 'samix-c_cifar10-jpeg-2k_r18w16', '--batch', 4,
        options=['model.objective.num_clusters=3']).values()
    assert cost['flop_ratio'] == pytest.approx(2.5, abs=0.05)
    assert PARTS == set(cost['parts'])


def config_of(folder, base, model):
    """A config of one's own."""
    path = folder / f'{model["mixing"]["type"]}.py'.lower()
    path.write_text(f"_base_ = {str(ROOT / 'configs' / base)!r}\n"
                    f'model = {model}\n')
    return path


def test_methods_that_need_nothing_cost_what_vanilla_does(tmp_path):
    base = 'vanilla/vanilla_cifar10-jpeg-1k_r18w16.py'
    paths = [
        config_of(tmp_path, base,
                  dict(type='MixClassifier', mixing=dict(type=name)))
        for name in ('Vanilla', 'MixUp', 'ManifoldMix')
    ]
    for cost in costs(tmp_path, *paths, '--batch', 10).values():
        assert cost['flop_ratio'] == pytest.approx(1, abs=1e-3)
        assert cost['memory_ratio'] == pytest.approx(1, abs=0.05)
        parts = cost['parts']
        assert 'momentum mixed' not in parts
        assert parts['online mixed']['gflops'] == pytest.approx(
            cost['gflops']['mixing'])


def test_self_supervised_method_that_does_not_learn(tmp_path):
    path = config_of(
        tmp_path, 'mocov2/mocov2_cifar10-jpeg-2k_r18w16.py',
        dict(type='MixMoCo', mixing=dict(type='CutMix')))
    cost, = costs(tmp_path, path, '--batch', 4).values()
    # MoCo: 4 forward passes' worth; here a branch and a momentum pass more
    assert cost['flop_ratio'] == pytest.approx(2, abs=0.01)
    assert {'online clean', 'online mixed', 'momentum clean', 'mixing', 'EMA',
            'optimizer', 'rest'} == set(cost['parts'])
