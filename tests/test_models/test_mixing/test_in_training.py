"""Each method of the registry trains, with labels and without."""
import contextlib
import copy

import pytest
import torch
from mmengine.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from samix_mm.registry import MIXING_METHODS
from tests.helpers.methods import METHODS, method_cfg
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import (batch, loader, make_runner, model_cfg,
                                network_state, sgd)
from tests.helpers.tiny_ssl import TwoViews, moco_cfg, views

PAIRS = [
    name for name in METHODS
    if MIXING_METHODS.build(method_cfg(name)).num_sources == {2}
]
#: Configs of both algorithms, by the name of the method.
CASES = [('MixClassifier', name) for name in METHODS
         ] + [('MixMoCo', name) for name in PAIRS]
EVERY = pytest.mark.parametrize('algorithm, name', CASES)


def config(algorithm, name, **kwargs):
    kwargs = dict(type=algorithm, mixing=method_cfg(name), **kwargs)
    if algorithm == 'MixMoCo':
        return moco_cfg(**kwargs)
    return model_cfg(**kwargs)


def build(algorithm, name):
    torch.manual_seed(0)
    model = MODELS.build(config(algorithm, name))
    model.init_weights()
    return model


def data_of(algorithm, num=6, seed=0):
    if algorithm == 'MixMoCo':
        inputs, samples = views(num, seed=seed)
    else:
        inputs, _, samples = batch(num, size=(16, 16), seed=seed)
    return dict(inputs=inputs, data_samples=samples)


def two_steps(model, data, autocast=False):
    """Parameters before, and all that the log has of two steps."""
    wrapper, logs = sgd(model), []
    for _ in range(2):
        with (torch.autocast('cpu', dtype=torch.bfloat16)
              if autocast else contextlib.nullcontext()):
            wrapper.zero_grad()
            losses = model(**data, mode='loss')
        total, log = model.parse_losses(losses)
        total.backward()
        grads = {
            name: param.grad.clone()
            for name, param in model.named_parameters()
            if param.grad is not None
        }
        wrapper.step()
        if model.momentum_net is not None:
            model.update_momentum_net(0.9)
        logs.append(log)
    return logs, grads


@pytest.mark.parametrize('autocast', [False, True], ids=['float', 'bfloat16'])
@EVERY
def test_two_steps(algorithm, name, autocast):
    model = build(algorithm, name)
    before = network_state(model)
    logs, grads = two_steps(model, data_of(algorithm), autocast)
    for log in logs:
        assert all(torch.as_tensor(value).isfinite() for value in log.values())
    assert 'loss_mix' in logs[0]
    # The online network and what learns are trained, nothing else is.
    trained = {name.split('.')[0] for name in grads}
    online = {'backbone', 'neck' if algorithm == 'MixMoCo' else 'head'}
    assert trained == online | ({'mixing'} if model.mixing.learns else set())
    for key, param in model.named_parameters():
        assert (key in grads) == param.requires_grad, key
        assert key not in grads or grads[key].isfinite().all(), key
    after = network_state(model)
    moved = {
        key.split('.')[0] for key, value in before.items()
        if not torch.equal(after[key], value)
    }
    if model.momentum_net is None:
        assert trained <= moved
    else:
        assert trained | {'momentum_net'} <= moved


@pytest.mark.parametrize('name', METHODS)
def test_without_a_need_there_is_no_momentum_network(name):
    model = build('MixClassifier', name)
    needs = model.mixing.needs | ({'learns'} if model.mixing.learns else set())
    assert (model.momentum_net is not None) == bool(
        needs & {'features', 'learns', 'scores', 'saliency'})


@pytest.mark.parametrize('name', sorted(set(METHODS) - set(PAIRS)))
def test_moco_refuses_at_once_what_is_not_of_pairs(name):
    with pytest.raises(ValueError, match='MixMoCo mixes 2 images, but'):
        build('MixMoCo', name)


def process(rank, folder, cases):
    """Two steps of each case; partners, ratios and parameters are kept."""
    for algorithm, name in cases:
        model = build(algorithm, name)
        drawn = []
        mix = model.mixing.mix

        def watched(sources, pairing, mix=mix, drawn=drawn):
            mixture = mix(sources, pairing)
            drawn.append((mixture.index, mixture.shares))
            return mixture

        model.mixing.mix = watched
        wrapped = DistributedDataParallel(model)
        wrapper = sgd(model)
        data = data_of(algorithm, seed=rank)
        for _ in range(2):
            wrapper.zero_grad()
            losses = wrapped(**data, mode='loss')
            model.parse_losses(losses)[0].backward()
            wrapper.step()
            if model.momentum_net is not None:
                model.update_momentum_net(0.9)
        torch.save(
            dict(drawn=drawn, params=dict(model.named_parameters())),
            f'{folder}/{algorithm}_{name}_{rank}.pth')


def test_processes_draw_for_themselves_and_keep_one_network(tmp_path):
    """All cases in the same two processes."""
    with gloo_processes(process, tmp_path, CASES):
        pass
    for algorithm, name in CASES:
        ranks = [
            torch.load(
                tmp_path / f'{algorithm}_{name}_{rank}.pth',
                weights_only=False) for rank in range(2)
        ]
        assert len(ranks[0]['drawn']) == 2
        same = all(
            torch.equal(mine, theirs)
            for step, other in zip(*(rank['drawn'] for rank in ranks))
            for mine, theirs in zip(step, other))
        assert same == (name == 'Vanilla'), (algorithm, name)
        for key, param in ranks[0]['params'].items():
            assert torch.equal(param, ranks[1]['params'][key]), (name, key)


def train(work_dir, algorithm, name, max_epochs, **kwargs):
    cfg = config(algorithm, name)
    if algorithm == 'MixMoCo':
        cfg['data_preprocessor'] = dict(
            type='SelfSupDataPreprocessor', mean=[120.] * 3, std=[60.] * 3)
        dataloader = dict(
            dataset=TwoViews(),
            batch_size=5,
            num_workers=0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=True, seed=0))
    else:
        cfg['data_preprocessor'] = dict(mean=[127.] * 3, std=[60.] * 3)
        dataloader = loader(shuffle=True)
    hooks = [dict(type='PlainCheckpointHook')]
    if MODELS.build(copy.deepcopy(cfg)).momentum_net is not None:
        hooks.append(dict(type='EMAMomentumHook'))
    runner = make_runner(
        work_dir, model=cfg, dataloader=dataloader, hooks=hooks,
        max_epochs=max_epochs,
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', interval=1)), **kwargs)
    mixtures, mix = [], runner.model.mixing.mix

    def watched(*args):
        mixtures.append(mix(*args))
        return mixtures[-1]

    runner.model.mixing.mix = watched
    runner.train()
    return runner, mixtures


@EVERY
def test_a_resumed_run_mixes_what_it_would_have_mixed(tmp_path, algorithm,
                                                      name):
    """Ratios, partners, boxes, noise, levels and choices: bit for bit."""
    whole, expected = train(tmp_path / 'whole', algorithm, name, 2)
    resumed, found = train(
        tmp_path / 'resumed', algorithm, name, 2, seed=3, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    assert len(found) == len(expected) // 2 == 3
    for mine, theirs in zip(found, expected[3:]):
        for part, other in zip(mine, theirs):
            if isinstance(part, torch.Tensor):
                assert torch.equal(part, other)
            else:
                assert part == other
    ours, theirs = whole.model.state_dict(), resumed.model.state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(theirs[key], value), key


@pytest.mark.parametrize('name', ['CutMix', 'RandomChoice'])
def test_other_seeds_from_the_same_weights_mix_differently(tmp_path, name):
    train(tmp_path / 'first', 'MixClassifier', name, 1)
    drawn = []
    for seed in (1, 2):
        _, mixtures = train(
            tmp_path / f'seed_{seed}', 'MixClassifier', name, 1, seed=seed,
            load_from=str(tmp_path / 'first' / 'epoch_1.pth'))
        drawn.append([mixture.index for mixture in mixtures])
    assert not any(map(torch.equal, *drawn))
