import copy

import pytest
import torch

from samix_mm.models import Pairing, SAMix, Sources
from tests.helpers.methods import CHANNELS, mix, noise_images, sources_of

INDEX = torch.tensor([1, 2, 3, 4, 0])
CPU = torch.device('cpu')


def samix(mixer=None, **kwargs):
    mixer = dict(dict(type='Mixer', dropout=0.), **(mixer or {}))
    return SAMix(mixer=mixer, **kwargs)


def ready(mixer=None, **kwargs):
    """With a Mixer that makes other masks than flat ones."""
    torch.manual_seed(0)
    method = samix(mixer, **kwargs)
    method.set_in_channels(CHANNELS)
    for param in method.parameters():
        torch.nn.init.normal_(param)
    return method


@pytest.mark.parametrize(
    'lam', [0.1, 0.4, 0.9, torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])])
def test_masks_have_the_ratio_as_their_mean_and_labels_are_the_ratio(lam):
    images, share = noise_images(), torch.as_tensor(lam).expand(5)
    mixture = ready().mix(sources_of(images), Pairing(lam, INDEX))
    assert (mixture.mask.std(dim=(1, 2, 3)) > 1e-4).all()
    torch.testing.assert_close(mixture.mask.mean(dim=(1, 2, 3)), share)
    torch.testing.assert_close(
        mixture.shares, torch.stack([share, 1 - share], dim=1))
    torch.testing.assert_close(
        mixture.inputs,
        mixture.mask * images + (1 - mixture.mask) * images[INDEX])


def test_extreme_ratios_use_plain_mixup():
    lam = torch.tensor([0.07, 0.09, 0.5, 0.91, 0.93])
    method = ready(lam_margin=0.08)
    mask = method.mix(sources_of(noise_images()), Pairing(lam, INDEX)).mask
    flat = mask.amax(dim=(1, 2, 3)) == mask.amin(dim=(1, 2, 3))
    assert flat.tolist() == [True, False, False, False, True]
    assert mask[0, 0, 0, 0] == lam[0]


def test_masks_are_the_mixers_without_adjusting():
    method = ready(lam_adjust=False, lam_margin=0.).eval()
    sources, pairing = sources_of(noise_images()), Pairing(0.3, INDEX)
    mask = method.masks(sources, pairing)
    assert torch.equal(method.mix(sources, pairing).mask, mask)
    assert (mask.mean() - 0.3).abs() > 1e-3


def test_gradients_flow_through_training_mixtures_alone():
    method, sources = ready(), sources_of(noise_images())
    online = method.mix(sources, method.draw(5, CPU))
    assert not online.inputs.requires_grad and not online.mask.requires_grad
    (training, ) = method.training_mixtures(sources)
    assert training.inputs.requires_grad
    losses = method.loss(
        training, lambda mixture, eta: mixture.inputs.square().sum())
    assert losses['loss_mixer'].requires_grad
    sum(losses[key] for key in ('loss_mixer', 'loss_mask')).backward()
    # a constant shift of keys changes no softmax
    silent = {name for name, param in method.named_parameters()
              if param.grad is None or not param.grad.abs().sum() > 0}
    assert silent <= {'mixer.key.bias', 'mixer.query.bias'}


def test_the_objective_is_asked_with_eta():
    method, seen = ready(eta=0.1, mixer_weight=3.), []

    def objective(mixture, eta):
        seen.append((mixture, eta))
        return torch.tensor(2.)

    (training, ) = method.training_mixtures(sources_of(noise_images()))
    losses = method.loss(training, objective)
    assert seen == [(training, 0.1)] and losses['loss_mixer'] == 6


def test_a_part_of_the_batch_trains_the_mixer():
    method = ready(mixer_batch_ratio=0.5)
    (training, ) = method.training_mixtures(sources_of(noise_images(5)))
    assert training.inputs.shape[0] == 3
    assert set(training.index.flatten().tolist()) <= {0, 1, 2}


def test_the_interval_counts_optimizer_steps_and_a_checkpoint_knows_them():
    method = ready(mixer_interval=3)

    def trains():
        return len(list(method.training_mixtures(sources_of(noise_images()))))

    found = []
    for _ in range(7):
        found += [trains(), trains()]  # two micro-batches
        method.after_optimizer_step()
    assert found == [1, 1, 0, 0, 0, 0] * 2 + [1, 1]
    other = ready(mixer_interval=3)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    assert other.num_steps == 7


def test_features_are_projected_once_a_step(monkeypatch):
    method, calls = ready(), []
    project = method.mixer.project
    monkeypatch.setattr(
        method.mixer, 'project',
        lambda *args: calls.append(1) or project(*args))
    sources = sources_of(noise_images())
    list(method.training_mixtures(sources))
    method.mix(sources, method.draw(5, CPU))
    assert calls == [1]


def test_by_hand_with_features_of_any_network():
    images = noise_images()
    method = ready()
    mixture = method.mix(
        Sources(images, features=torch.randn(5, CHANNELS, 4, 5)),
        method.draw(5, CPU))
    assert mixture.inputs.shape == images.shape
    with pytest.raises(RuntimeError, match='asks for features'):
        method.mix(Sources(images), method.draw(5, CPU))


def frozen_samix(tmp_path):
    trained = ready()
    path = tmp_path / 'mixer.pth'
    torch.save(trained.mixer.state_dict(), path)
    method = samix(
        mixer=dict(init_cfg=dict(type='Pretrained', checkpoint=str(path))),
        frozen=True)
    method.set_in_channels(CHANNELS)
    method.init_weights()
    return method, trained


def test_a_frozen_mixer_neither_learns_nor_changes(tmp_path):
    method, trained = frozen_samix(tmp_path)
    assert not method.learns and trained.learns
    before = copy.deepcopy(method.mixer.state_dict())
    for key, value in trained.mixer.state_dict().items():
        assert torch.equal(before[key], value)
    method.train()
    assert not method.mixer.training
    assert list(method.training_mixtures(sources_of(noise_images()))) == []
    mix(method, noise_images())
    for key, value in before.items():
        assert torch.equal(method.mixer.state_dict()[key], value)
    assert not any(param.requires_grad for param in method.parameters())
    assert len(method.last_lams()) == 1


def test_a_frozen_mixer_needs_weights():
    method = samix(frozen=True)
    method.set_in_channels(CHANNELS)
    with pytest.raises(ValueError, match='frozen'):
        method.init_weights()


@pytest.mark.parametrize('kwargs, match', [
    (dict(lam_margin=0.6), 'lam_margin must be in'),
    (dict(eta=1.5), 'eta must be in'),
    (dict(mixer_interval=0), 'mixer_interval must be'),
    (dict(mixer_batch_ratio=0.), 'mixer_batch_ratio must be in'),
    (dict(frozen=True, mixer_interval=2), 'frozen=True; leave one'),
    (dict(frozen=1), 'frozen must be True or False'),
])
def test_wrong_arguments_are_refused(kwargs, match):
    with pytest.raises(ValueError, match=match):
        samix(**kwargs)
