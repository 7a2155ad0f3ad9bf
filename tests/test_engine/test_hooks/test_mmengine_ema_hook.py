"""MMEngine's EMAHook beside the momentum network: it averages a deep copy,
loads into that and exchanges weights with it."""
import copy

import pytest
import torch

from tests.helpers.tiny import (assert_same, loader, make_runner, model_cfg,
                                network_state)
from tests.helpers.tiny_ssl import CLUSTERS, TwoViews, moco_cfg

EMA = dict(type='EMAMomentumHook')
PLAIN = dict(type='PlainCheckpointHook')
AVERAGE = dict(type='EMAHook', momentum=0.3)
PREPROCESSOR = dict(mean=[120.] * 3, std=[60.] * 3)
SSL = dict(PREPROCESSOR, type='SelfSupDataPreprocessor')
WITHOUT_DROPOUT = dict(type='SAMix', mixer=dict(type='Mixer', dropout=0.))
MODELS = dict(
    samix=dict(
        model_cfg(mixing=WITHOUT_DROPOUT, momentum=0.9),
        data_preprocessor=PREPROCESSOR),
    mixup=dict(
        model_cfg(type='MixClassifier', mixing=dict(type='MixUp')),
        data_preprocessor=PREPROCESSOR),
    infonce=moco_cfg(mixing=WITHOUT_DROPOUT, data_preprocessor=SSL),
    cluster=moco_cfg(
        mixing=WITHOUT_DROPOUT, objective=CLUSTERS, data_preprocessor=SSL))


def train(folder, name, hooks=(), max_epochs=2, **kwargs):
    own = [PLAIN] if name == 'mixup' else [EMA]
    evaluation = {}
    if 'Classifier' in MODELS[name]['type']:
        dataloader = loader()
        evaluation = dict(
            val_dataloader=loader(8), val_cfg=dict(),
            val_evaluator=dict(type='Accuracy'))
    else:
        dataloader = dict(
            dataset=TwoViews(8), batch_size=3, num_workers=0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=False))
    runner = make_runner(
        folder,
        model=copy.deepcopy(MODELS[name]),
        hooks=[dict(hook) for hook in (*own, *hooks)],
        max_epochs=max_epochs,
        dataloader=dataloader,
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1),
            logger=dict(type='LoggerHook', interval=1)),
        **evaluation, **kwargs)
    runner.train()
    return runner


@pytest.mark.parametrize('name', MODELS)
def test_a_training_is_the_same_beside_it(tmp_path, name):
    plain = train(tmp_path / 'plain', name)
    averaged = train(tmp_path / 'averaged', name, [AVERAGE])
    assert_same(network_state(averaged.model), network_state(plain.model),
                rtol=0, atol=0)
    saved = torch.load(
        tmp_path / 'averaged' / 'epoch_2.pth', weights_only=True)
    # which has the average where weights are looked for
    weight = saved['state_dict']['backbone.conv1.weight']
    assert not torch.equal(weight, plain.model.backbone.conv1.weight.cpu())
    assert torch.equal(saved['ema_state_dict']['module.backbone.conv1.weight'],
                       plain.model.backbone.conv1.weight)


@pytest.mark.parametrize('name', ['samix', 'mixup', 'cluster'])
def test_a_resumed_training_beside_it(tmp_path, name):
    whole = train(tmp_path / 'whole', name, [AVERAGE], max_epochs=3)
    resumed = train(
        tmp_path / 'resumed', name, [AVERAGE], max_epochs=3, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_1.pth'), seed=5)
    assert_same(network_state(resumed.model), network_state(whole.model),
                rtol=0, atol=1e-6)
    streams = [runner.model.mixing.pairings for runner in (whole, resumed)]
    assert streams[0].seed == streams[1].seed
    assert streams[0].num_draws == streams[1].num_draws


def test_weights_of_a_plain_classifier_beside_it(tmp_path):
    """They are loaded into the copy as well, which keeps them to itself."""
    stock = dict(MODELS['samix'], type='ImageClassifier')
    stock.pop('mixing'), stock.pop('momentum')
    source = make_runner(
        tmp_path / 'stock', model=stock, dataloader=loader(), max_epochs=1,
        hooks=[PLAIN],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook')))
    source.train()
    path = str(tmp_path / 'stock' / 'epoch_1.pth')
    plain = train(tmp_path / 'plain', 'samix', load_from=path)
    averaged = train(
        tmp_path / 'averaged', 'samix',
        [dict(AVERAGE, strict_load=False)], load_from=path)
    assert_same(network_state(averaged.model), network_state(plain.model),
                rtol=0, atol=0)
