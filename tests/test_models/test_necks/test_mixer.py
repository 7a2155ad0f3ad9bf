import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch.func import functional_call

from samix_mm.models import Mixer

SIZE = (33, 29)


def mixer_and_feats(num=3, size=(5, 7), scale=1., **kwargs):
    """A Mixer of random weights and statistics, in evaluation mode."""
    mixer = Mixer(6, **kwargs)
    for name, param in mixer.named_parameters():
        if name != 'gamma':
            torch.nn.init.normal_(param, std=0.7)
    for layer in mixer.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    feats = scale * torch.randn(2, num, 6, *size)
    return mixer.eval(), feats[0], feats[1]


def equation_9(mixer, feat_i, feat_j, lam, size):
    """Eq. 9 position by position, with the Mixer's own weights."""

    def conv(layer, feat):
        out = torch.einsum('oc,nchw->nohw', layer.weight[:, :, 0, 0], feat)
        bias = 0 if layer.bias is None else layer.bias.view(1, -1, 1, 1)
        return out + bias

    first, norm, _, last, _ = mixer.content
    masks = []
    for n, ratio in enumerate(lam.tolist()):
        z_i = (1 + mixer.gamma * ratio) * feat_i[n:n + 1]
        z_j = (1 + mixer.gamma * (1 - ratio)) * feat_j[n:n + 1]
        z = torch.cat([z_i, z_j], dim=1)
        query = conv(mixer.query, z)[0].flatten(1)  # (C/r, hw)
        key = conv(mixer.query if mixer.share_qk else mixer.key, z)
        key = key[0].flatten(1)
        hidden = conv(first, z_i)
        mean, var = (
            stat.view(1, -1, 1, 1)
            for stat in (norm.running_mean, norm.running_var))
        hidden = (hidden - mean) / (var + norm.eps).sqrt()
        hidden = (hidden * norm.weight.view(1, -1, 1, 1) +
                  norm.bias.view(1, -1, 1, 1))
        content = conv(last, hidden.clamp(min=0)).flatten()  # (hw, )
        logits = []
        for position in range(query.size(1)):
            scores = query[:, position] @ key / len(query)**0.5
            weights = scores.exp() / scores.exp().sum()
            logits.append((weights * content).sum())
        mask = torch.stack(logits).sigmoid().view(1, 1, *feat_i.shape[2:])
        masks.append(
            F.interpolate(
                mask, size=size, mode='bilinear', align_corners=False))
    return torch.cat(masks)


@pytest.mark.parametrize('share_qk', [False, True])
@pytest.mark.parametrize('reduction', [1, 2, 3])
def test_equation_9(share_qk, reduction):
    mixer, feat_i, feat_j = mixer_and_feats(
        share_qk=share_qk, reduction=reduction, gamma_init=0.6)
    mixer, feat_i, feat_j = mixer.double(), feat_i.double(), feat_j.double()
    lam = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    mask = mixer(feat_i, feat_j, lam, SIZE)
    expected = equation_9(mixer, feat_i, feat_j, lam, SIZE)
    assert expected.std() > 0.01  # or every mask would do
    torch.testing.assert_close(mask, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize('num, feat_size, size', [
    (1, (5, 7), (33, 29)),
    (3, (1, 1), (5, 3)),
    (5, (2, 3), (64, 64)),
    (2, (8, 8), (7, 7)),
])
def test_shape(num, feat_size, size):
    mixer, feat_i, feat_j = mixer_and_feats(num, feat_size)
    assert mixer(feat_i, feat_j, 0.3, size).shape == (num, 1, *size)


@pytest.mark.parametrize('upsample', ['bilinear', 'nearest'])
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('scale', [0., 1., 1e4])
def test_strictly_between_zero_and_one(scale, training, upsample):
    mixer, feat_i, feat_j = mixer_and_feats(scale=scale, upsample=upsample)
    mask = mixer.train(training)(feat_i, feat_j, 0.3, SIZE)
    assert mask.dtype == torch.float32
    assert (0 < mask).all() and (mask < 1).all()


def test_saturated_mask_is_trainable_elsewhere():
    mixer, feat_i, feat_j = mixer_and_feats(scale=1e4)
    mixer(feat_i, feat_j, 0.3, SIZE).sum().backward()
    for name, param in mixer.named_parameters():
        assert param.grad.isfinite().all(), name


def test_one_lam_equals_that_lam_for_each_sample():
    mixer, feat_i, feat_j = mixer_and_feats(gamma_init=1.)
    one = mixer(feat_i, feat_j, 0.3, SIZE)
    each = mixer(feat_i, feat_j, torch.full((3, ), 0.3), SIZE)
    assert torch.equal(one, each)


def test_samples_do_not_meet_in_evaluation():
    mixer, feat_i, feat_j = mixer_and_feats(gamma_init=1.)
    lam = torch.tensor([0.1, 0.5, 0.8])
    together = mixer(feat_i, feat_j, lam, SIZE)
    for n in range(3):
        alone = mixer(feat_i[n:n + 1], feat_j[n:n + 1], lam[n], SIZE)
        torch.testing.assert_close(together[n:n + 1], alone)


def test_gamma_decides_whether_lam_matters():
    mixer, feat_i, feat_j = mixer_and_feats()
    assert mixer.gamma == 0  # as in the paper
    masks = [mixer(feat_i, feat_j, lam, SIZE) for lam in (0.1, 0.9)]
    assert torch.equal(*masks)
    mixer.gamma.data.fill_(1.)
    masks = [mixer(feat_i, feat_j, lam, SIZE) for lam in (0.1, 0.9)]
    assert (masks[0] - masks[1]).abs().mean() > 1e-3


def test_shared_projection_is_one_convolution_for_both():
    shared, feat_i, feat_j = mixer_and_feats(share_qk=True)
    assert not any(name.startswith('key') for name in shared.state_dict())
    twin = Mixer(6, share_qk=False).eval()
    twin.load_state_dict(shared.state_dict(), strict=False)
    twin.key.load_state_dict(shared.query.state_dict())
    torch.testing.assert_close(
        shared(feat_i, feat_j, 0.3, SIZE), twin(feat_i, feat_j, 0.3, SIZE))


def test_linear_content_is_one_projection():
    mixer, feat_i, feat_j = mixer_and_feats(nonlinear_content=False)
    convs = [layer for layer in mixer.content.modules() if list(
        layer.parameters(recurse=False))]
    assert [tuple(conv.weight.shape) for conv in convs] == [(1, 6, 1, 1)]
    assert mixer(feat_i, feat_j, 0.3, SIZE).shape == (3, 1, *SIZE)


def test_bias_of_a_linear_content():
    """Attention weights sum to 1, so that it is added to each logit."""
    mixer, feat_i, feat_j = mixer_and_feats(nonlinear_content=False)
    torch.nn.init.zeros_(mixer.content[0].bias)
    logits = mixer(feat_i, feat_j, 0.3, (5, 7)).logit()
    torch.nn.init.constant_(mixer.content[0].bias, 0.7)
    shifted = mixer(feat_i, feat_j, 0.3, (5, 7)).logit()
    torch.testing.assert_close(shifted, logits + 0.7, rtol=0, atol=1e-3)


def test_nearest_masks_repeat_each_position():
    mixer, feat_i, feat_j = mixer_and_feats(upsample='nearest')
    small = mixer(feat_i, feat_j, 0.3, (5, 7))
    large = mixer(feat_i, feat_j, 0.3, (10, 21))
    expected = small.repeat_interleave(2, dim=2).repeat_interleave(3, dim=3)
    assert torch.equal(large, expected)


@pytest.mark.parametrize('gamma_init, value', [(None, 1.), (0.4, 0.4)])
def test_constant_gamma(gamma_init, value):
    mixer = Mixer(6, learn_gamma=False, gamma_init=gamma_init).train()
    assert 'gamma' not in dict(mixer.named_parameters())
    feat = torch.randn(2, 3, 6, 4, 4)
    mixer(feat[0], feat[1], 0.3, (8, 8)).var().backward()
    assert mixer.gamma == pytest.approx(value) and mixer.gamma.grad is None
    assert mixer.log_vars() == dict(gamma=mixer.gamma)


@pytest.mark.parametrize('outside, border', [(-0.03, 0.), (1.2, 1.)])
def test_gamma_outside_its_range_comes_back_alive(outside, border):
    mixer, feat_i, feat_j = mixer_and_feats()
    mixer.gamma.data.fill_(outside)
    mixer.train()(feat_i, feat_j, 0.3, SIZE).var().backward()
    assert mixer.gamma == border
    assert mixer.gamma.grad.abs() > 0
    before = mixer.gamma.item()
    # and a step inwards is a step
    mixer.gamma.data += 0.1 if border == 0 else -0.1
    mixer(feat_i, feat_j, 0.3, SIZE)
    assert abs(mixer.gamma.item() - before) == pytest.approx(0.1)


def test_log_vars_are_detached():
    log_vars = Mixer(6, gamma_init=0.25).log_vars()
    assert log_vars['gamma'] == 0.25
    assert not log_vars['gamma'].requires_grad
    assert not any('loss' in name for name in log_vars)


def test_gradcheck():
    mixer, feat_i, feat_j = mixer_and_feats(
        2, (2, 3), dropout=0., gamma_init=0.5)
    mixer = mixer.double()
    names, params = zip(*mixer.named_parameters())
    lam = torch.tensor([0.2, 0.7], dtype=torch.float64)

    def masks(feat_i, feat_j, *params):
        return functional_call(mixer, dict(zip(names, params)),
                               (feat_i, feat_j, lam, (3, 4)))

    inputs = [
        value.detach().double().requires_grad_()
        for value in (feat_i, feat_j, *params)
    ]
    assert 'gamma' in names
    assert torch.autograd.gradcheck(masks, inputs)


def test_bfloat16_autocast_is_close_to_float32():
    mixer, feat_i, feat_j = mixer_and_feats(gamma_init=0.5)
    exact = mixer(feat_i, feat_j, 0.3, SIZE)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mask = mixer(feat_i, feat_j, 0.3, SIZE)
        mask.float().var().backward()
    assert mask.dtype == torch.float32 and mask.isfinite().all()
    torch.testing.assert_close(mask, exact, rtol=0, atol=0.03)
    for name, param in mixer.named_parameters():
        assert param.grad.isfinite().all(), name


def test_dropout_only_in_training():
    mixer, feat_i, feat_j = mixer_and_feats(dropout=0.5)
    masks = [mixer(feat_i, feat_j, 0.3, SIZE) for _ in range(2)]
    assert torch.equal(*masks)
    mixer.train()
    masks = [mixer(feat_i, feat_j, 0.3, SIZE) for _ in range(2)]
    assert not torch.equal(*masks)


def test_state_dict_round_trip():
    mixer, feat_i, feat_j = mixer_and_feats(gamma_init=0.4)
    other = Mixer(6).eval()
    other.load_state_dict(mixer.state_dict())
    assert torch.equal(
        mixer(feat_i, feat_j, 0.3, SIZE), other(feat_i, feat_j, 0.3, SIZE))


def test_masks_vary_in_space_after_init_weights():
    """N(0, 0.01) would leave them constant for hundreds of steps."""
    mixer = Mixer(64)
    mixer.init_weights()
    feat = torch.randn(2, 4, 64, 8, 8).relu()
    mask = mixer.train()(feat[0], feat[1], 0.3, (32, 32))
    assert mask.std(dim=(1, 2, 3)).min() > 1e-3


def test_in_channels_may_come_from_the_algorithm():
    mixer = MODELS.build(dict(type='Mixer'))
    assert isinstance(mixer, Mixer)
    feat = torch.randn(2, 2, 6, 4, 4)
    with pytest.raises(RuntimeError, match='has no in_channels'):
        mixer(feat[0], feat[1], 0.3, (8, 8))
    mixer.set_in_channels(6)
    weights = mixer.state_dict()
    mixer.set_in_channels(6)  # changes nothing
    assert mixer.query.weight is not None
    assert all(
        torch.equal(weights[key], value)
        for key, value in mixer.state_dict().items())
    with pytest.raises(
            ValueError, match='in_channels=6, but the features have 8'):
        mixer.set_in_channels(8)


@pytest.mark.parametrize('kwargs, message', [
    (dict(reduction=0), 'reduction must be 1 or more, got 0'),
    (dict(reduction=8), 'in_channels must be at least reduction=8, got 6'),
    (dict(upsample='bicubic'), "upsample must be one of .* got 'bicubic'"),
    (dict(dropout=1.5), r'dropout must be in \[0, 1\], got 1.5'),
    (dict(gamma_init=-0.1), r'gamma_init must be in \[0, 1\], got -0.1'),
])
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Mixer(in_channels=6, **kwargs)
