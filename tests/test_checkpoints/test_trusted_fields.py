"""Files of plain types tell MMEngine nothing that does harm."""
import logging
import shutil
from collections import OrderedDict

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.infer import BaseInferencer
from mmengine.optim.scheduler import param_scheduler

from samix_mm.checkpoints.loading import load_checkpoint
from samix_mm.checkpoints.plain import to_plain
from samix_mm.checkpoints.trusted_fields import (ForgedCheckpointError,
                                                 drop_untrusted_fields)
from tests.helpers.tiny import (NUM_CLASSES, RUNS, loader, make_runner,
                                stock_cfg)

EVAL = dict(
    val_dataloader=loader(),
    val_evaluator=dict(type='Accuracy'),
    val_cfg=dict())
SAFE = dict(type='SafeCheckpointHook', save_best='auto', max_keep_ckpts=2)
STOCK = dict(SAFE, type='CheckpointHook')


def run(work_dir, hook=SAFE, **kwargs):
    """Train with validation, with the hooks of the configs or stock ones."""
    cfg = dict(
        max_epochs=1,
        default_hooks=dict(checkpoint=hook),
        **EVAL)
    if hook['type'] == 'CheckpointHook':
        cfg.update(model=stock_cfg(), hooks=())
    else:
        cfg['default_hooks']['plain_checkpoint'] = dict(
            type='PlainCheckpointHook')
    cfg.update(kwargs)
    runner = make_runner(work_dir, **cfg)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Gives copies of runs of one epoch, by the type of their hook."""
    runs = {}

    def copy(hook, folder):
        kind = hook['type']
        if kind not in runs:
            runs[kind] = tmp_path_factory.mktemp(kind)
            run(runs[kind], hook)
        shutil.copytree(runs[kind], folder)
        (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
        return folder

    return copy


def change(path, **fields):
    """Set fields of a file, '__' between keys; other people's tools can."""
    checkpoint = torch.load(path, weights_only=False)
    for field, value in fields.items():
        *parents, key = field.split('__')
        place = checkpoint
        for parent in parents:
            place = place[parent]
        place[key] = value
    torch.save(to_plain(checkpoint), path)


def always_better(monkeypatch):
    """Let each validation give a new best."""
    monkeypatch.setitem(CheckpointHook.rule_map, 'greater',
                        lambda score, best: True)


@pytest.fixture
def canary(tmp_path):
    """A file that only code from a checkpoint would make, and the code."""
    path = tmp_path / 'canary'
    return path, f"open({str(path)!r}, 'w').close()\nmodel = dict()"


BOTH = pytest.mark.parametrize('hook', [SAFE, STOCK], ids=['safe', 'stock'])


@BOTH
@pytest.mark.parametrize('field', [
    'meta__config', 'meta__cfg', 'message_hub__runtime_info__cfg'])
def test_resuming_runs_no_text(tmp_path, canary, trained, hook, field):
    path, code = canary
    trained(hook, tmp_path / 'run')
    change(tmp_path / 'run' / 'epoch_1.pth', **{field: code})
    resumed = run(tmp_path / 'run', hook, max_epochs=2, resume=True)
    assert resumed.epoch == 2
    assert not path.exists()
    # Nor does the text go on in the files of the run.
    assert resumed.message_hub.get_info('cfg') == resumed.cfg.pretty_text


@pytest.mark.parametrize('field', [
    'meta__cfg', 'message_hub__runtime_info__cfg'])
def test_an_inferencer_without_config_runs_no_text(tmp_path, canary, field):
    class Inferencer(BaseInferencer):
        postprocess = visualize = _init_pipeline = lambda self, *_: None

    path, code = canary
    run(tmp_path)
    change(tmp_path / 'epoch_1.pth', **{field: code})
    with pytest.raises(ValueError, match='Cannot find the config'):
        Inferencer(weights=str(tmp_path / 'epoch_1.pth'), device='cpu')
    assert not path.exists()


def test_who_needs_the_config_is_told_to_pass_it(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('samix_mm.checkpoints.trusted_fields.print_log',
                        lambda text, **kwargs: said.append((text, kwargs)))
    run(tmp_path)
    load_checkpoint(str(tmp_path / 'epoch_1.pth'))
    said, = ((text, kwargs) for text, kwargs in said if 'meta.cfg' in text)
    assert 'must be given by whoever needs it' in said[0]
    assert said[1]['level'] == logging.INFO


@BOTH
@pytest.mark.parametrize('victim', [
    'elsewhere', 'elsewhere/best_a_epoch_1.pth', 'run/../elsewhere',
    'run/notes.txt', 'run/best_notes.txt', 'run/best_tree_epoch_3.pth',
    'run/best_link_epoch_4.pth', 'run/link/best_a_epoch_1.pth',
    'run/epoch_1.pth'])
def test_the_best_one_of_a_file_is_not_removed(
        tmp_path, monkeypatch, trained, hook, victim):
    always_better(monkeypatch)
    trained(hook, tmp_path / 'run')
    elsewhere = tmp_path / 'elsewhere'
    for folder in (elsewhere, tmp_path / 'run' / 'best_tree_epoch_3.pth'):
        folder.mkdir()
        (folder / 'thesis').write_text('of years')
    (elsewhere / 'best_a_epoch_1.pth').write_text("another's")
    for name in ('notes.txt', 'best_notes.txt'):
        (tmp_path / 'run' / name).write_text('noted')
    (tmp_path / 'run' / 'best_link_epoch_4.pth').symlink_to(elsewhere)
    (tmp_path / 'run' / 'link').symlink_to(elsewhere)
    change(tmp_path / 'run' / 'epoch_1.pth',
           message_hub__runtime_info__best_ckpt=str(tmp_path / victim))
    before = {path for path in tmp_path.rglob('*') if path.exists()}
    assert run(tmp_path / 'run', hook, max_epochs=2, resume=True).epoch == 2
    kept = {path for path in tmp_path.rglob('*') if path.exists()}
    assert before <= kept


@BOTH
def test_a_relative_path_is_not_removed(tmp_path, monkeypatch, hook):
    always_better(monkeypatch)
    run(tmp_path / 'run', hook)
    (tmp_path / 'best_a_epoch_1.pth').write_text("another's")
    monkeypatch.chdir(tmp_path)
    change(tmp_path / 'run' / 'epoch_1.pth',
           message_hub__runtime_info__best_ckpt='best_a_epoch_1.pth')
    run(tmp_path / 'run', hook, max_epochs=2, resume=True)
    assert (tmp_path / 'best_a_epoch_1.pth').exists()


@BOTH
@pytest.mark.parametrize('out_dir', [False, True])
def test_the_own_best_one_is_removed_at_the_next(
        tmp_path, monkeypatch, hook, out_dir):
    always_better(monkeypatch)
    folder = tmp_path / 'out' / 'run' if out_dir else tmp_path / 'run'
    if out_dir:
        hook = dict(hook, out_dir=str(tmp_path / 'out'))
    run(tmp_path / 'run', hook)
    best, = folder.glob('best_*')
    run(tmp_path / 'run', hook, max_epochs=2, resume=True)
    other, = folder.glob('best_*')
    assert best.name.endswith('_1.pth') and other.name.endswith('_2.pth')


@BOTH
def test_also_when_the_run_was_moved(tmp_path, monkeypatch, hook):
    always_better(monkeypatch)
    run(tmp_path / 'before', hook)
    (tmp_path / 'before').rename(tmp_path / 'after')
    run(tmp_path / 'after', hook, max_epochs=2, resume=True)
    best, = (tmp_path / 'after').glob('best_*')
    assert best.name.endswith('_2.pth')


@BOTH
def test_the_best_one_of_the_run_that_is_gone_on_from_stays(
        tmp_path, monkeypatch, hook):
    always_better(monkeypatch)
    run(tmp_path / 'first', hook)
    best, = (tmp_path / 'first').glob('best_*')
    run(tmp_path / 'second', hook, max_epochs=2, resume=True,
        load_from=str(tmp_path / 'first' / 'epoch_1.pth'))
    assert best.exists()


def test_each_of_several_best_ones_is_judged(tmp_path, monkeypatch):
    always_better(monkeypatch)
    hook = dict(SAFE, save_best=['accuracy/top1', 'single-label/precision'],
                rule='greater')
    metrics = dict(val_evaluator=[
        dict(type='Accuracy'),
        dict(type='SingleLabelMetric', num_classes=NUM_CLASSES)])
    (tmp_path / 'elsewhere').mkdir()
    run(tmp_path / 'run', hook, **metrics)
    field = 'message_hub__runtime_info__best_ckpt_accuracy/top1'
    change(tmp_path / 'run' / 'epoch_1.pth',
           **{field: str(tmp_path / 'elsewhere')})
    run(tmp_path / 'run', hook, max_epochs=2, resume=True, **metrics)
    assert (tmp_path / 'elsewhere').exists()
    names = sorted(path.name for path in (tmp_path / 'run').glob('best_*'))
    assert names == ['best_accuracy_top1_epoch_1.pth',
                     'best_accuracy_top1_epoch_2.pth',
                     'best_single-label_precision_epoch_2.pth']


@BOTH
def test_what_is_outdated_is_told_by_numbers_alone(tmp_path, hook):
    hook = dict(hook, filename_tmpl='{}.pth', max_keep_ckpts=1)
    run(tmp_path / 'run', hook)
    (tmp_path / 'notes.pth').write_text('noted')
    change(tmp_path / 'run' / '1.pth',
           message_hub__runtime_info__keep_ckpt_ids=['../notes', '../notes'])
    assert run(tmp_path / 'run', hook, max_epochs=2, resume=True).epoch == 2
    assert (tmp_path / 'notes.pth').exists()


@pytest.mark.parametrize('value', [float('nan'), 'high', None, [1.]])
def test_a_best_score_that_nothing_can_be_better_than(
        tmp_path, trained, value):
    folder = trained(SAFE, tmp_path / 'run')
    change(folder / 'epoch_1.pth',
           message_hub__runtime_info__best_score=value)
    run(folder, max_epochs=2, resume=True)
    assert list(folder.glob('best_*_epoch_2.pth'))


@BOTH
def test_a_forged_file_is_not_resumed_from(tmp_path, trained, hook):
    folder = trained(hook, tmp_path / 'run')
    change(folder / 'epoch_1.pth', meta__iter=10**18)
    with pytest.raises(ForgedCheckpointError, match='meta.iter must be a who'):
        run(folder, hook, max_epochs=2, resume=True)


@pytest.mark.parametrize('field, value', [
    ('meta', [1]),
    ('meta__epoch', 10**18),
    ('meta__epoch', -1),
    ('meta__epoch', '1'),
    ('meta__iter', 10**18),
    ('meta__iter', float('nan')),
    ('meta__iter', True),
    ('meta__seed', 10**18),
    ('meta__seed', 'now'),
    ('message_hub', 'full'),
    ('message_hub__log_scalars', [1]),
    ('message_hub__runtime_info', None),
    ('message_hub__runtime_info', {1: 2}),
    ('message_hub__resumed_keys', ['loss']),
    ('param_schedulers', {'a': 1}),
    ('param_schedulers', [3]),
    ('param_schedulers', [dict(optimizer=3)]),
    ('param_schedulers', [dict(step='by step')]),
    ('param_schedulers', [dict(param_name='params')]),
])
def test_numbers_and_forms_that_no_training_writes(
        tmp_path, trained, field, value):
    path = trained(SAFE, tmp_path / 'run') / 'epoch_1.pth'
    change(path, **{field: value})
    with pytest.raises(ForgedCheckpointError, match='was not loaded: its '):
        load_checkpoint(str(path))


def test_more_batches_than_there_are_to_go_through(tmp_path):
    by_iter = dict(
        train_cfg=dict(by_epoch=False, max_iters=2, val_interval=2),
        default_hooks=dict(checkpoint=dict(SAFE, by_epoch=False)))
    run(tmp_path, **by_iter)
    change(tmp_path / 'iter_2.pth', meta__iter=10**9)
    with pytest.raises(ForgedCheckpointError, match='raise .*max_iters'):
        run(tmp_path, **by_iter, resume=True)


@pytest.mark.parametrize('hook', [SAFE, STOCK], ids=['safe', 'stock'])
def test_weights_alone_are_not_resumed_from(tmp_path, trained, hook):
    path = trained(hook, tmp_path / 'run') / 'epoch_1.pth'
    torch.save(
        dict(state_dict=load_checkpoint(str(path))['state_dict']), path)
    with pytest.raises(
            ForgedCheckpointError,
            match='no epoch, iter, message_hub, .* with load_from'):
        run(tmp_path / 'run', hook, resume=True)


def test_logs_that_are_none(tmp_path):
    run(tmp_path)
    field = 'message_hub__log_scalars__train/'
    plain = {'__history_buffer__': torch.zeros(()).expand(10**6),
             'count': torch.zeros(()).expand(10**6), 'max_length': 10}
    change(tmp_path / 'epoch_1.pth',
           **{field + 'loss': plain, field + 'lr': 'low',
              field + 'x': dict(__history_buffer__=1),
              'message_hub__resumed_keys__train/loss': False})
    resumed = run(tmp_path, max_epochs=2, resume=True)
    assert resumed.epoch == 2
    log = resumed.message_hub.get_scalar('train/loss').data[0]
    assert len(log) == 3
    assert 'train/x' not in resumed.message_hub.log_scalars


def test_files_of_others_are_let_in():
    weights = OrderedDict(meta=torch.zeros(1), param_schedulers_=3)
    for checkpoint in (torch.zeros(2), [1], weights['meta'], {},
                       dict(state_dict=weights), dict(epoch=10**30)):
        assert drop_untrusted_fields(checkpoint, 'x.pth') is checkpoint
    assert list(weights) == ['meta', 'param_schedulers_']


def test_schedulers_of_mmengine_are_let_in(tmp_path):
    """None saves what another would take for a method."""
    model = torch.nn.Linear(2, 2)
    arguments = dict(
        StepParamScheduler=dict(step_size=2),
        MultiStepParamScheduler=dict(milestones=[2]),
        ExponentialParamScheduler=dict(gamma=.5),
        CosineAnnealingParamScheduler=dict(T_max=5, eta_min=0.),
        PolyParamScheduler={},
        LinearParamScheduler={},
        ConstantParamScheduler={},
        CosineRestartParamScheduler=dict(
            periods=[3], restart_weights=[1], eta_min=0.),
        ReduceOnPlateauParamScheduler={})
    states = []
    for name, kwargs in arguments.items():
        scheduler = getattr(param_scheduler, name)(
            torch.optim.SGD(model.parameters(), lr=1.), 'lr', **kwargs)
        states.append(scheduler.state_dict())
    for given in (states, dict(generator=states, critic=states)):
        checkpoint = dict(param_schedulers=given)
        drop_untrusted_fields(checkpoint, 'x.pth')
        assert checkpoint == dict(param_schedulers=given)


def test_a_flexible_runner_runs_no_text_either(tmp_path, canary):
    path, code = canary
    flexible = pytest.importorskip('mmengine.runner._flexible_runner')

    def build(**kwargs):
        return flexible.FlexibleRunner(
            model=stock_cfg(), work_dir=str(tmp_path),
            train_dataloader=loader(), train_cfg=dict(
                by_epoch=True, max_epochs=kwargs.pop('max_epochs')),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            default_hooks=dict(checkpoint=dict(type='CheckpointHook')),
            default_scope='mmpretrain', log_level='ERROR',
            experiment_name=f'run_{next(RUNS)}', **kwargs)

    build(max_epochs=1).train()
    change(tmp_path / 'epoch_1.pth', meta__config=code)
    resumed = build(max_epochs=2, resume=True)
    resumed.train()
    assert resumed.epoch == 2
    assert not path.exists()
