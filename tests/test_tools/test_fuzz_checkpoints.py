"""Spoiled checkpoints, a small number of what the tool tries."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools/dev/fuzz_checkpoints.py'


def fuzz(tmp_path, number, **environment):
    done = subprocess.run(
        [sys.executable, TOOL, '--mutations', str(number), '--seed', '7',
         '--keep', tmp_path / 'kept'],
        cwd=tmp_path, env=dict(os.environ, **environment),
        capture_output=True, text=True, timeout=300)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_no_spoiled_checkpoint_does_anything(tmp_path):
    status, report = fuzz(tmp_path, 100)
    assert report['failures'] == []
    assert status == 0
    assert sum(report['outcomes'].values()) == 100
    assert set(report['outcomes']) >= {
        'loaded', 'DamagedCheckpointError', 'UnsafeCheckpointError'}
    assert report['loads_whole'] == [
        'old', 'old_stock', 'plain', 'protocol_4', 'stock']
    assert report['most_memory_mb'] < 200


@pytest.mark.parametrize('variable', ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'])
def test_it_finds_a_loader_that_runs_code(tmp_path, variable):
    status, report = fuzz(tmp_path, 40, **{variable: '1'})
    assert status == 1
    assert any('code was run' in text or 'os.system' in text
               for text in report['failures'])
    assert list((tmp_path / 'kept').iterdir())
