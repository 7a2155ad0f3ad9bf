"""What importing the package changes, how often, and how it is left out."""
import sys

import mmcv
import pytest
from mmengine.dist import utils
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmengine.runner import runner as runner_module

import samix_mm
from samix_mm.compat import (VARIABLE, WORKAROUNDS, apply_workarounds,
                             list_workarounds, table)
from samix_mm.compat.workaround import Workaround
from tests.helpers.processes import run


def states():
    return {row.name: row.state for row in list_workarounds()}


def replaced():
    return (Runner.build_dataloader, Registry._register_module,
            mmcv.adjust_hue, utils._init_dist_pytorch,
            runner_module.MMDistributedDataParallel,
            runner_module.find_latest_checkpoint)


def test_each_row_says_what_and_why():
    names = [row.name for row in WORKAROUNDS]
    assert len(set(names)) == len(names)
    for row in list_workarounds():
        assert row.state in ('applied', 'not needed')
        assert row.replaces and row.versions and row.why.endswith('.')
    assert states()['scoped_collate'] == 'applied'


def test_nothing_is_replaced_twice():
    before = replaced()
    apply_workarounds()
    assert replaced() == before
    import importlib
    importlib.reload(samix_mm)
    assert replaced() == before


class Place:
    """Something that two rows change."""

    def __init__(self):
        self.applied = []

    def row(self, name, in_all=True, needed=True):
        return Workaround(
            name, 'a.b', 'Because.', 'all', lambda: needed,
            lambda: name in self.applied, lambda: self.applied.append(name),
            in_all)


@pytest.fixture
def place(monkeypatch):
    place = Place()
    rows = place.row('first'), place.row('second'), place.row(
        'safe', in_all=False), place.row('other', needed=False)
    monkeypatch.setattr(table, 'WORKAROUNDS', rows)
    return place


@pytest.mark.parametrize('switch, applied', [
    ('', ['first', 'second', 'safe']),
    ('first', ['second', 'safe']),
    (' Second, first ', ['safe']),
    ('all', ['safe']),
    ('all,safe', []),
    ('safe', ['first', 'second']),
])
def test_the_switch(place, monkeypatch, switch, applied):
    monkeypatch.setenv(VARIABLE, switch)
    apply_workarounds()
    apply_workarounds()
    assert place.applied == applied
    expected = {
        name: 'applied' if name in applied else 'switched off'
        for name in ('first', 'second', 'safe')
    }
    other = 'switched off' if 'all' in switch else 'not needed'
    assert states() == dict(expected, other=other)


def test_a_name_that_there_is_not(place, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, 'frist,second')
    apply_workarounds()
    assert place.applied == ['first', 'safe']
    said = ''.join(capsys.readouterr())
    assert 'frist' in said and 'first, second, safe, other' in said


def test_what_keeps_files_from_harm_is_not_left_out_in_silence(
        place, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, 'all')
    apply_workarounds()
    assert 'safe' not in ''.join(capsys.readouterr())
    monkeypatch.setenv(VARIABLE, 'all,safe')
    apply_workarounds()
    assert 'switches safe off' in ''.join(capsys.readouterr())


UNTOUCHED = '''
import mmcv, mmengine.dist.utils, mmengine.runner.runner as runner
from mmengine.registry import Registry
from mmengine.runner.checkpoint import CheckpointLoader
before = (Registry._register_module, mmcv.adjust_hue, runner.Runner.
          build_dataloader, mmengine.dist.utils._init_dist_pytorch,
          runner.MMDistributedDataParallel, runner.find_latest_checkpoint)
loaders = dict(CheckpointLoader._schemes)
import samix_mm
assert before == (
    Registry._register_module, mmcv.adjust_hue, runner.Runner.
    build_dataloader, mmengine.dist.utils._init_dist_pytorch,
    runner.MMDistributedDataParallel, runner.find_latest_checkpoint)
assert (loaders == CheckpointLoader._schemes) == %r
from mmengine.registry import MODELS
assert MODELS.build(dict(type='Mixer', in_channels=4))
'''


@pytest.mark.parametrize('switch, loaders', [('all', False),
                                             ('all,safe_loading', True)])
def test_all_of_them_switched_off(tmp_path, switch, loaders):
    run(sys.executable, '-c', UNTOUCHED % loaders, cwd=tmp_path,
        **{VARIABLE: switch})


def test_the_table_can_be_read(tmp_path):
    printed = run(
        sys.executable, '-m', 'samix_mm.compat', cwd=tmp_path,
        **{VARIABLE: 'negative_hue'})
    for row in WORKAROUNDS:
        assert f'\n{row.name}: ' in f'\n{printed}'
    assert 'negative_hue: switched off' in printed
    assert 'scoped_collate: applied' in printed
    assert 'mmengine.runner.Runner.build_dataloader' in printed
    assert VARIABLE in printed
    assert max(map(len, printed[printed.index('requirements'):].split(
        '\n'))) < 80


FOREIGN = '''
import mmcv
import mmengine.runner.runner as runner
from mmengine.runner import Runner


class DDP(runner.MMDistributedDataParallel):
    pass


def find(path):
    return 'theirs'


def build_dataloader(*args, **kwargs):
    calls.append(args)
    return original(*args, **kwargs)


def adjust_hue(*args, **kwargs):
    return 'theirs'


calls, original = [], Runner.build_dataloader
for function in (DDP, find, build_dataloader, adjust_hue):
    function.__module__ = 'theirs'
Runner.build_dataloader = staticmethod(build_dataloader)
runner.MMDistributedDataParallel = DDP
runner.find_latest_checkpoint = find
mmcv.adjust_hue = adjust_hue
import samix_mm
assert runner.MMDistributedDataParallel is DDP
assert runner.find_latest_checkpoint is find
assert mmcv.adjust_hue is adjust_hue
calls.clear()
loader = Runner.build_dataloader(dict(
    dataset=[0], sampler=[0],
    collate_fn=dict(type='default_collate', _scope_='mmpretrain')))
assert calls and list(loader)
'''


def test_what_another_package_has_replaced_stays(tmp_path):
    run(sys.executable, '-c', FOREIGN, cwd=tmp_path)


QUIET = '''
import logging, sys, warnings
from pathlib import Path
import mmpretrain.models, mmengine.runner, mmpretrain.datasets
out, sys.stdout = sys.stdout, None
warnings.simplefilter('error')
import samix_mm
warnings.simplefilter('ignore')  # of what ends with the process
from mmengine.logging import MMLogger
assert not MMLogger._instance_dict
'''


def test_the_import_is_silent(tmp_path):
    """With warnings as errors; MMEngine and MMPretrain give some
    themselves."""
    assert run(sys.executable, '-W', 'ignore', '-c', QUIET,
               cwd=tmp_path).strip() == ''
