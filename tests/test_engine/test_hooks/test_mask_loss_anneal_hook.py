import pytest

from samix_mm.engine import MaskLossAnnealHook
from tests.helpers.tiny import loader, make_runner, model_cfg

EMA = dict(type='EMAMomentumHook')
ANNEAL = dict(type='MaskLossAnnealHook')


def model_with(mask_loss_weight):
    return model_cfg(
        mixing=dict(type='SAMix', mask_loss_weight=mask_loss_weight))


def weights(runner):
    log = runner.message_hub.get_scalar('train/mask_weight')
    return log.data[0].tolist()


@pytest.mark.parametrize('first, last', [(0.1, 0.), (0.2, 0.05), (0., 0.3)])
def test_linear_over_all_iterations(tmp_path, first, last):
    runner = make_runner(
        tmp_path,
        model=model_with(first),
        hooks=[dict(EMA), dict(ANNEAL, end_weight=last)])
    used = []
    mixing = runner.model.mixing
    loss = mixing.loss

    def recorded(*args):
        used.append(mixing.mask_loss_weight)
        return loss(*args)

    mixing.loss = recorded
    runner.train()
    expected = [first + (last - first) * t / 6 for t in range(6)]
    assert used == pytest.approx(expected, abs=1e-12)
    assert weights(runner) == pytest.approx(expected, abs=1e-12)


def test_the_paper_ends_at_zero():
    assert MaskLossAnnealHook().end_weight == 0


def test_weight_scales_the_logged_loss(tmp_path):
    runner = make_runner(tmp_path, model=model_with(0.))
    runner.train()
    losses = runner.message_hub.get_scalar('train/loss_mask').data[0]
    assert (losses == 0).all()


def test_model_gets_its_weight_back(tmp_path):
    runner = make_runner(tmp_path, model=model_with(0.3))
    runner.train()
    assert runner.model.mixing.mask_loss_weight == 0.3


def test_resumed_run_goes_on_at_the_same_weight(tmp_path):
    checkpoint = dict(type='CheckpointHook', interval=1)
    hooks = dict(default_hooks=dict(checkpoint=checkpoint))
    first = make_runner(tmp_path / 'first', max_epochs=3, **hooks)
    first.train()
    resumed = make_runner(
        tmp_path / 'resumed',
        max_epochs=3,
        load_from=str(tmp_path / 'first' / 'epoch_1.pth'),
        resume=True,
        **hooks)
    resumed.train()
    # with those of the first epoch, which the checkpoint carries
    assert weights(resumed) == pytest.approx(weights(first), abs=1e-12)
    assert len(weights(resumed)) == 9


def test_resumed_with_larger_batches(tmp_path, caplog):
    """12 iterations were done, and the schedule has 6 by now: beta stays at
    its end, the momentum too, and one warning says so."""
    hooks = dict(
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1)))
    first = make_runner(
        tmp_path / 'first', max_epochs=4, dataloader=loader(8, 2), **hooks)
    first.train()
    resumed = make_runner(
        tmp_path / 'resumed',
        max_epochs=6,
        dataloader=loader(8, 8),
        load_from=str(tmp_path / 'first' / 'epoch_3.pth'),
        resume=True,
        log_level='WARNING',
        **hooks)
    resumed.logger.addHandler(caplog.handler)
    resumed.train()
    assert resumed.max_iters == 6 and resumed.iter == 15
    log = resumed.message_hub.get_scalar
    assert weights(resumed)[12:] == [0.] * 3
    assert log('train/momentum').data[0].tolist()[12:] == [1.] * 3
    told = [text for text in caplog.messages if 'past the 6' in text]
    assert len(told) == 1 and 'Iteration 12' in told[0]


@pytest.mark.parametrize('weight', [-0.1, float('nan'), float('inf')])
def test_refuses_end_weight(weight):
    with pytest.raises(ValueError, match='end_weight must be a number of 0'):
        MaskLossAnnealHook(end_weight=weight)


@pytest.mark.parametrize('method', ['MixUp', 'Vanilla'])
def test_refuses_a_method_without_a_mask_loss(tmp_path, method):
    model = model_cfg(type='MixClassifier', mixing=dict(type=method))
    runner = make_runner(
        tmp_path, model=model,
        hooks=[dict(ANNEAL), dict(type='PlainCheckpointHook')])
    with pytest.raises(TypeError, match=f'a mask loss .* got {method}; rem'):
        runner.train()
