import torch
from mmengine.logging import HistoryBuffer

from samix_mm.checkpoints.plain import to_plain
from samix_mm.engine import PlainCheckpointHook
from tests.helpers.tiny import TinyImages, make_runner

SAVE = dict(default_hooks=dict(
    checkpoint=dict(type='CheckpointHook', interval=1)))


def trained(work_dir, **kwargs):
    runner = make_runner(
        work_dir,
        param_scheduler=dict(type='MultiStepLR', milestones=[1]),
        **SAVE,
        **kwargs)
    runner.train()
    return runner


def test_checkpoint_of_a_run_loads_without_running_code(tmp_path):
    runner = trained(tmp_path)
    checkpoint = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    assert checkpoint['meta']['epoch'] == 2
    assert checkpoint['meta']['dataset_meta'] == TinyImages.metainfo
    assert checkpoint['state_dict'].keys() == runner.model.state_dict().keys()
    for part in ('optimizer', 'param_schedulers', 'message_hub'):
        assert part in checkpoint


def test_saving_leaves_the_log_of_the_run_alone(tmp_path):
    runner = trained(tmp_path)
    for log in runner.message_hub.log_scalars.values():
        assert isinstance(log, HistoryBuffer)
    assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 6


def test_log_is_restored_on_resume(tmp_path):
    first = trained(tmp_path / 'first')
    losses = first.message_hub.get_scalar('train/loss').data
    resumed = trained(
        tmp_path / 'resumed',
        load_from=str(tmp_path / 'first' / 'epoch_1.pth'),
        resume=True)
    log = resumed.message_hub.get_scalar('train/loss')
    assert isinstance(log, HistoryBuffer)
    assert len(log.data[0]) == 6
    for values, expected in zip(log.data, losses):
        assert (values[:3] == expected[:3]).all()
    assert log.mean() == log.data[0].mean()  # its functions work


def test_message_hub_goes_there_and_back():
    hook = PlainCheckpointHook()
    log = HistoryBuffer([1., 2., 4.], [1, 1, 2], 10)
    checkpoint = dict(
        message_hub=dict(
            log_scalars={'train/loss': log}, runtime_info=dict(epoch=3),
            resumed_keys={'train/loss': True}))
    hook.before_save_checkpoint(None, checkpoint)
    plain = checkpoint['message_hub']['log_scalars']['train/loss']
    assert not isinstance(plain, HistoryBuffer)
    hook.after_load_checkpoint(None, checkpoint)
    hub = checkpoint['message_hub']
    restored = hub['log_scalars']['train/loss']
    for values, expected in zip(restored.data, log.data):
        assert (values == expected).all()
    assert restored.max_length == 10
    assert hub['runtime_info'] == dict(epoch=3)
    assert hub['resumed_keys'] == {'train/loss': True}


def test_checkpoint_without_a_log():
    checkpoint = dict(state_dict={})
    PlainCheckpointHook().after_load_checkpoint(None, checkpoint)
    assert checkpoint == dict(state_dict={})


def test_only_logs_are_made_objects():
    """A dict that looks like a log stays a dict where it is none."""
    log = HistoryBuffer([1.], [1], 10)
    plain = to_plain(log)
    checkpoint = dict(
        message_hub=dict(
            log_scalars={'__history_buffer__': plain},
            runtime_info=dict(best=dict(plain))))
    PlainCheckpointHook().after_load_checkpoint(None, checkpoint)
    hub = checkpoint['message_hub']
    assert isinstance(hub['log_scalars']['__history_buffer__'], HistoryBuffer)
    assert hub['runtime_info']['best'].keys() == plain.keys()
