"""The tool that trains long and looks for leaks, on short trainings."""
import json
import runpy
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from tests.helpers.processes import run

TOOL = Path(__file__).parents[2] / 'tools/dev/long_run.py'
FIGURES = {
    'seconds', 'memory', 'memory_slope', 'files', 'files_slope', 'log_bytes',
    'log_spread'
}

pytestmark = pytest.mark.skipif(
    not Path('/proc/self/statm').exists(), reason='needs /proc')


def test_two_trainings_in_one_process(tmp_path):
    # memory has not settled after so few iterations
    out = run(
        sys.executable, TOOL, '--iters', 50, '--max-memory', 'inf',
        cwd=tmp_path)
    report = json.loads(out.splitlines()[-1])
    assert report.keys() == {
        'iters', 'variant', 'trainings', 'starts_clean', 'exceeded'
    }
    assert report['iters'] == 50
    assert list(report['trainings']) == ['supervised', 'self-supervised']
    for figures in report['trainings'].values():
        assert figures.keys() == FIGURES
        assert figures['files_slope'] == 0
        assert figures['files'] > 3
        assert figures['memory'] > 100
    assert report['starts_clean'] is True
    assert report['exceeded'] == []


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TOOL))


def test_slopes_are_of_1000_iterations(tool):
    assert tool['slope']([300, 400, 600], [5., 6., 8.]) == pytest.approx(10)


def test_memory_of_children_counts(tool):
    alone = tool['memory']()
    script = 'text = "x" * 2**26; print(flush=True); input()'
    with subprocess.Popen([sys.executable, '-c', script],
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert tool['memory']() > alone + 2**26
        child.communicate(b'\n')


def test_limits(tool):
    figures = dict(memory_slope=3., files_slope=0., log_spread=None)
    limits = Namespace(max_memory=2., max_files=0.1, max_log_spread=0.1)
    found = tool['exceeded'](dict(supervised=figures), limits)
    assert found == ['memory_slope of supervised: 3.0 > 2.0']
