import pytest
import torch

from tests.helpers.tiny import (TinyImages, loader, make_runner, model_cfg,
                                samples)

NAMES = ('online_mixed', 'online_clean', 'momentum_mixed', 'momentum_clean')
TOP1 = 'accuracy/top1'
EVALUATOR = dict(type='Accuracy', topk=(1, ))


def runner_of(tmp_path, stage='val', **kwargs):
    cfg = {
        f'{stage}_cfg': dict(type=f'AllHeads{stage.capitalize()}Loop'),
        f'{stage}_dataloader': loader(8, 3),
        f'{stage}_evaluator': EVALUATOR
    }
    runner = make_runner(tmp_path, model=model_cfg(**kwargs), **cfg)
    # weights that do not agree on the images
    for index, (name, param) in enumerate(runner.model.named_parameters()):
        if 'head' in name:
            torch.manual_seed(index)
            param.data.normal_()
    return runner


def accuracy(model, name):
    network, head = name.split('_')
    source = model if network == 'online' else model.momentum_net
    head = source.head if head == 'mixed' else source.clean_head
    images = TinyImages(8)
    model.eval()
    with torch.no_grad():
        inputs = model.data_preprocessor(
            dict(inputs=images.images, data_samples=samples(images.labels)))
        logits = head(source.neck(source.backbone(inputs['inputs'])))
    return 100 * (logits.argmax(dim=1) == images.labels).float().mean().item()


@pytest.mark.parametrize('predict_on', NAMES)
@pytest.mark.parametrize('stage', ['val', 'test'])
def test_metrics_of_all_heads(tmp_path, stage, predict_on):
    runner = runner_of(
        tmp_path, stage, test_cfg=dict(predict_on=predict_on))
    metrics = getattr(runner, stage)()
    expected = {
        TOP1 if name == predict_on else f'{name}/{TOP1}':
        accuracy(runner.model, name)
        for name in NAMES
    }
    assert metrics == pytest.approx(expected)
    assert runner.model.predict_on == predict_on


def test_heads_differ_in_the_test_above(tmp_path):
    runner = runner_of(tmp_path)
    assert len({accuracy(runner.model, name) for name in NAMES}) > 1


def test_own_metric_comes_first(tmp_path):
    """``save_best='auto'`` chooses by the first one."""
    runner = runner_of(
        tmp_path, test_cfg=dict(predict_on='momentum_clean'))
    assert list(runner.val())[0] == TOP1


def test_without_clean_heads(tmp_path):
    runner = runner_of(tmp_path, clean_weight=0.)
    assert set(runner.val()) == {TOP1, f'momentum_mixed/{TOP1}'}


def test_choice_survives_an_error(tmp_path):
    runner = runner_of(tmp_path)

    def broken(*args, **kwargs):
        raise OSError

    runner.model.momentum_net.clean_head.predict = broken
    with pytest.raises(OSError):
        runner.val()
    assert runner.model.predict_on == 'online_mixed'


def test_hooks_are_called_once(tmp_path):
    runner = runner_of(tmp_path)
    calls = []
    call_hook = runner.call_hook
    runner.call_hook = lambda name, **kwargs: (calls.append(name),
                                               call_hook(name, **kwargs))
    metrics = runner.val()
    epochs = [name for name in calls if 'iter' not in name and 'val' in name]
    assert epochs == [
        'before_val', 'before_val_epoch', 'after_val_epoch', 'after_val'
    ]
    assert calls.count('after_val_iter') == 4 * 3
    assert len(metrics) == 4


def test_during_training_the_best_of_the_own_head_is_kept(tmp_path):
    runner = make_runner(
        tmp_path,
        model=model_cfg(),
        max_epochs=2,
        val_cfg=dict(type='AllHeadsValLoop'),
        val_dataloader=loader(8, 3),
        val_evaluator=EVALUATOR,
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', save_best='auto')))
    runner.train()
    best = runner.message_hub.get_info('best_score')
    scores = runner.message_hub.get_scalar(f'val/{TOP1}').data[0]
    assert best == pytest.approx(max(scores))
    assert list(tmp_path.glob('best_accuracy_top1_*.pth'))
