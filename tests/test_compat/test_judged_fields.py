from mmengine.hooks import CheckpointHook

from samix_mm.checkpoints.trusted_fields import judge_with_run
from samix_mm.compat.judged_fields import WORKAROUND
from samix_mm.compat.table import WORKAROUNDS


def test_it_is_in_the_table_and_applied():
    assert WORKAROUND in WORKAROUNDS
    assert WORKAROUND.applied() and not WORKAROUND.needed()
    assert CheckpointHook.after_load_checkpoint is judge_with_run


def test_the_hook_of_another_package_is_left(monkeypatch):
    def after_load_checkpoint(self, runner, checkpoint):
        pass

    after_load_checkpoint.__module__ = 'another.package'
    monkeypatch.setattr(CheckpointHook, 'after_load_checkpoint',
                        after_load_checkpoint)
    assert not WORKAROUND.applied() and not WORKAROUND.needed()


def test_mmengine_alone_leaves_the_stage_empty(monkeypatch):
    monkeypatch.delattr(CheckpointHook, 'after_load_checkpoint')
    assert WORKAROUND.needed()
    WORKAROUND.apply()
    assert WORKAROUND.applied()
