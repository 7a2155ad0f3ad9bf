import mmcv
import numpy as np
import pytest
import torch
from mmpretrain.models import ClsDataPreprocessor

from samix_mm.engine import MixedSampleHook
from samix_mm.models.mixing import adjust_mask
from tests.helpers.tiny import (TinyImages, make_runner, model_cfg,
                                network_state)

EMA = dict(type='EMAMomentumHook')
MEAN, STD = torch.tensor([127., 120., 110.]), torch.tensor([60., 50., 40.])
HEIGHT, WIDTH = 9, 11


def run(tmp_path, max_epochs=2, hooks=(), **kwargs):
    runner = make_runner(
        tmp_path,
        hooks=[dict(EMA), *hooks],
        max_epochs=max_epochs,
        visualizer=dict(
            type='UniversalVisualizer',
            vis_backends=[dict(type='LocalVisBackend')]),
        **kwargs)
    runner.train()
    return runner


def pictures(tmp_path):
    return sorted(path.name for path in tmp_path.rglob('mixed_samples*'))


def read(tmp_path, name):
    path, = tmp_path.rglob(name)
    return mmcv.imread(str(path), channel_order='rgb')


def a_batch(num_images=3):
    images = TinyImages(num_images)
    items = [images[idx] for idx in range(num_images)]
    return {key: [item[key] for item in items] for key in items[0]}


def test_writes_a_picture(tmp_path):
    hook = dict(type='MixedSampleHook', num_pairs=2, lams=(0.2, 0.5, 0.8))
    run(tmp_path, hooks=[hook])
    assert pictures(tmp_path) == ['mixed_samples_3.png', 'mixed_samples_6.png']
    picture = read(tmp_path, 'mixed_samples_6.png')
    # two rows a pair, a column for each image of the pair and each ratio
    assert picture.shape == (2 * 2 * HEIGHT, (2 + 3) * WIDTH, 3)


def test_no_more_pairs_than_images(tmp_path):
    run(tmp_path, max_epochs=1, hooks=[dict(type='MixedSampleHook')])
    picture = read(tmp_path, 'mixed_samples_3.png')
    assert picture.shape == (2 * 2 * HEIGHT, (2 + 5) * WIDTH, 3)


@pytest.mark.parametrize('kwargs, steps', [
    (dict(interval=2), [6, 9]),  # and at the end
    (dict(interval=4, by_epoch=False), [4, 8, 9]),
    (dict(interval=100), [9]),
])
def test_interval(tmp_path, kwargs, steps):
    hook = dict(type='MixedSampleHook', **kwargs)
    run(tmp_path, max_epochs=3, hooks=[hook])
    names = [f'mixed_samples_{step}.png' for step in steps]
    assert pictures(tmp_path) == names


@pytest.mark.parametrize('to_rgb', [False, True])
def test_colours_are_those_of_the_images(tmp_path, to_rgb):
    """With the preprocessor's own mean and deviation undone."""
    runner = run(tmp_path, max_epochs=1)
    runner.model.data_preprocessor = ClsDataPreprocessor(
        mean=MEAN.tolist(), std=STD.tolist(), to_rgb=to_rgb)
    data = a_batch(3)
    MixedSampleHook(num_pairs=2, lams=(0.5, )).draw(runner, data)
    picture = read(tmp_path, 'mixed_samples_4.png')
    for pair in range(2):
        rows = slice(2 * pair * HEIGHT, (2 * pair + 1) * HEIGHT)
        for image, columns in ((pair, slice(WIDTH)),
                               (pair + 1, slice(2 * WIDTH, 3 * WIDTH))):
            expected = data['inputs'][image].permute(1, 2, 0).numpy()
            expected = expected[..., ::-1] if to_rgb else expected
            difference = picture[rows, columns].astype(int) - expected
            assert np.abs(difference).max() <= 1


def test_masks_are_those_of_the_online_network(tmp_path):
    """Made by the Mixer, and adjusted to the ratio."""
    runner = run(tmp_path, max_epochs=1)
    data = a_batch(3)
    MixedSampleHook(num_pairs=3, lams=(0.3, )).draw(runner, data)
    picture = read(tmp_path, 'mixed_samples_4.png')
    model = runner.model
    model.eval()
    images = torch.stack(data['inputs']).float()
    inputs = (images - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)
    with torch.no_grad():
        feats = model.features_of(inputs)
        partners = torch.tensor([1, 2, 0])
        masks = model.mixing.mixer(feats, feats[partners], 0.3,
                                   (HEIGHT, WIDTH))
        masks = adjust_mask(masks, 0.3)
    rows = picture.reshape(3, 2, HEIGHT, 3, WIDTH, 3)[:, :, :, 1]
    expected = 255 * masks[:, 0, :, :, None].numpy()
    assert np.abs(rows[:, 0] - expected).max() <= 1
    mixed = masks * images + (1 - masks) * images[partners]
    assert np.abs(rows[:, 1] - mixed.permute(0, 2, 3, 1).numpy()).max() <= 1


def test_drawing_changes_nothing(tmp_path):
    runner = run(tmp_path, max_epochs=1)
    model = runner.model
    model.train()
    model.backbone.layer1.eval()
    model.mixing.mixer.gamma.data.fill_(0.3)
    state = network_state(model)
    modes = {key: part.training for key, part in model.named_modules()}
    random_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()
    data = a_batch()
    images = torch.stack(data['inputs'])
    MixedSampleHook().draw(runner, data)
    for key, value in network_state(model).items():
        assert torch.equal(value, state[key]), key
    assert modes == {key: m.training for key, m in model.named_modules()}
    assert torch.equal(random_state, torch.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()
    assert torch.equal(torch.stack(data['inputs']), images)
    assert all(param.grad is None for param in model.parameters())


def test_a_run_with_pictures_trains_the_same(tmp_path):
    models = [
        run(tmp_path / name, hooks=hooks).model
        for name, hooks in (('without', []),
                            ('with', [dict(type='MixedSampleHook')]))
    ]
    states = [network_state(model) for model in models]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


@pytest.mark.parametrize('kwargs, message', [
    (dict(interval=0), 'interval must be 1 or more, got 0'),
    (dict(num_pairs=0), 'num_pairs must be 1 or more, got 0'),
    (dict(lams=()), r'lams must be ratios in \[0, 1\]'),
    (dict(lams=(0.5, 1.2)), r'lams must be ratios in \[0, 1\]'),
])
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MixedSampleHook(**kwargs)


def test_tensorboard_gets_the_pictures_as_well(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import \
        EventAccumulator
    runner = make_runner(
        tmp_path,
        hooks=[dict(EMA), dict(type='MixedSampleHook')],
        max_epochs=1,
        visualizer=dict(
            type='UniversalVisualizer',
            vis_backends=[dict(type='TensorboardVisBackend')]))
    runner.train()
    runner.visualizer.close()
    events = EventAccumulator(str(next(tmp_path.rglob('vis_data'))))
    events.Reload()
    assert events.Tags()['images'] == ['mixed_samples']
    assert [event.step for event in events.Images('mixed_samples')] == [3]


METHODS = [
    dict(type='MixUp'), dict(type='CutMix'), dict(type='FMix'),
    dict(type='ResizeMix'), dict(type='ManifoldMix'), dict(type='SAMix'),
    dict(type='RandomChoice', methods=[dict(type='FMix'),
                                       dict(type='ManifoldMix')])
]


@pytest.mark.parametrize('mixing', METHODS, ids=lambda cfg: cfg['type'])
def test_pictures_of_any_method(tmp_path, mixing):
    """They use up none of its random numbers."""
    runner = make_runner(
        tmp_path,
        model=model_cfg(mixing=dict(mixing)),
        visualizer=dict(
            type='UniversalVisualizer',
            vis_backends=[dict(type='LocalVisBackend')]))
    model = runner.model.train()
    before = model.mixing.state_dict()
    hook = MixedSampleHook(num_pairs=2, lams=(0.2, 0.5, 0.8))
    hook.draw(runner, a_batch())
    first = read(tmp_path, 'mixed_samples_1.png')
    assert first.shape == (2 * 2 * HEIGHT, (2 + 3) * WIDTH, 3)
    for key, value in model.mixing.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert model.training


@pytest.mark.parametrize('lam', [0.2, 0.7])
def test_what_is_mixed_inside_the_network_is_drawn_as_pixels(tmp_path, lam):
    mixing = dict(type='ManifoldMix', levels=(2, ))
    runner = make_runner(
        tmp_path,
        model=model_cfg(mixing=mixing),
        visualizer=dict(
            type='UniversalVisualizer',
            vis_backends=[dict(type='LocalVisBackend')]))
    data = a_batch(3)
    MixedSampleHook(num_pairs=3, lams=(lam, )).draw(runner, data)
    picture = read(tmp_path, 'mixed_samples_1.png')
    images = torch.stack(data['inputs']).float()
    mixed = lam * images + (1 - lam) * images.roll(-1, dims=0)
    rows = picture.reshape(3, 2, HEIGHT, 3, WIDTH, 3)[:, 1, :, 1]
    assert np.abs(rows - mixed.permute(0, 2, 3, 1).numpy()).max() <= 1


def test_refuses_a_model_that_does_not_mix(tmp_path):
    runner = make_runner(
        tmp_path,
        model=model_cfg(type='ImageClassifier'),
        hooks=[dict(type='MixedSampleHook')])
    with pytest.raises(TypeError, match='mixes images such as SAMixClassifier,'
                       ' got ImageClassifier; remove the hook'):
        runner.train()
