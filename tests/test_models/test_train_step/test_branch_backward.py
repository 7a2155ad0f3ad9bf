"""Branches of the loss are released, and nobody else can tell."""
import copy

import pytest
import torch
from mmengine.optim import OptimWrapper

from samix_mm.models.train_step.branch_backward import BranchBackward
from tests.helpers.tiny import batch, build, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views


def classifier(**kwargs):
    model = build(**kwargs).train()
    inputs, _, samples = batch()
    return model, inputs, samples


def moco(**kwargs):
    model = build_moco(**kwargs).train()
    return (model, *views())


MODELS = dict(
    classifier=classifier,
    without_clean=lambda: classifier(clean_weight=0),
    mixup=lambda: classifier(mixing=dict(type='MixUp')),
    infonce=moco,
    cluster=lambda: moco(objective=CLUSTERS),
    cutmix=lambda: moco(mixing=dict(type='CutMix')))


# PyTorch scales losses, and computes in float16, on CPUs from 2.3 on.
needs_cpu_scaler = pytest.mark.skipif(
    not hasattr(torch.amp, 'GradScaler'),
    reason='PyTorch before 2.3 has no GradScaler and no float16 for CPUs')


class ScalingWrapper(OptimWrapper):
    """Scales losses as MMEngine's AmpOptimWrapper does, which wants a GPU."""

    def __init__(self, optimizer, scale):
        super().__init__(optimizer)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=scale)


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


def gradients(model, inputs, samples, optim_wrapper=None, factor=1.,
              bfloat16=False):
    """Gradients of a copy, and its losses."""
    model = copy.deepcopy(model)
    torch.manual_seed(1)
    model.release_branches_for(optim_wrapper)
    with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
        losses = model.loss(inputs, samples)
    (factor * total(losses)).backward()
    grads = {
        name: param.grad
        for name, param in model.named_parameters() if param.requires_grad
    }
    return grads, losses


def assert_equal(grads, expected, factor=1., tolerance=1e-6):
    """Equal, relative to the largest gradient of each parameter."""
    for name, grad in expected.items():
        if grad is None:
            assert grads[name] is None, name
            continue
        error = (grads[name] / factor - grad).abs().max()
        assert error <= tolerance * grad.abs().max(), name


@pytest.mark.parametrize('name', MODELS)
def test_gradients_are_those_of_the_plain_sum(name):
    model, inputs, samples = MODELS[name]()
    expected, plain = gradients(model, inputs, samples)
    grads, losses = gradients(model, inputs, samples, sgd(model))
    assert_equal(grads, expected)
    assert any(grad is not None and grad.abs().max() > 1e-3
               for grad in expected.values())
    for key, value in plain.items():
        torch.testing.assert_close(losses[key], value)


@pytest.mark.parametrize('name', ['classifier', 'infonce', 'cluster'])
def test_activations_of_one_branch_at_a_time(name):
    """What is saved for backward passes, at most and beside the weights."""
    model, inputs, samples = MODELS[name]()

    def most_saved(optim_wrapper):
        weights = {param.data_ptr() for param in model.parameters()}
        saved, most = {}, [0]

        class Saved:
            """Counts while it lives."""

            def __init__(self, tensor):
                self.tensor = tensor
                if tensor.data_ptr() not in weights:
                    saved[id(self)] = tensor.nbytes
                    most[0] = max(most[0], sum(saved.values()))

            def __del__(self):
                saved.pop(id(self), None)

        with torch.autograd.graph.saved_tensors_hooks(
                Saved, lambda saved: saved.tensor):
            gradients(model, inputs, samples, optim_wrapper)
        return most[0]

    assert most_saved(sgd(model)) < 0.45 * most_saved(None)


def test_a_training_step_releases_by_itself():
    model, inputs, samples = classifier()
    seen = []
    losses_of = model.loss
    model.loss = lambda *args: seen.append(losses_of(*args)) or seen[0]
    optim_wrapper = sgd(model)
    model.train_step(dict(inputs=inputs, data_samples=samples), optim_wrapper)
    released = type(seen[0]['loss_mixer'].grad_fn).__name__
    assert 'HandOver' in released
    # and outside it each loss keeps a graph of its own
    plain = losses_of(inputs, samples)
    plain['loss_mask'].backward(retain_graph=True)
    assert model.backbone.conv1.weight.grad is None
    plain['loss_clean'].backward()
    assert model.backbone.conv1.weight.grad is not None


def test_optimizer_steps_are_those_of_the_plain_sum():
    """With accumulation over two batches and clipped gradients."""
    states = []
    for possible in (True, False):
        torch.manual_seed(0)
        model, inputs, samples = classifier()
        model._release_branches = possible
        optim_wrapper = OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            accumulative_counts=2, clip_grad=dict(max_norm=1.))
        optim_wrapper.initialize_count_status(model, 0, 4)
        torch.manual_seed(1)
        for _ in range(4):
            model.train_step(
                dict(inputs=inputs, data_samples=samples), optim_wrapper)
        states.append(model.state_dict())
    for name, value in states[0].items():
        if value.is_floating_point():
            torch.testing.assert_close(value, states[1][name], msg=name)


@needs_cpu_scaler
@pytest.mark.parametrize('scale', [1024., 2.**40])
def test_loss_scaling(scale):
    """Branches are scaled before their backward pass, and come out scaled
    as the rest is."""
    model, inputs, samples = classifier()
    expected, _ = gradients(model, inputs, samples)
    wrapper = ScalingWrapper(torch.optim.SGD(model.parameters(), 0.1), scale)
    grads, _ = gradients(model, inputs, samples, wrapper, factor=scale)
    assert_equal(grads, expected, factor=scale)


@needs_cpu_scaler
def test_overflow_of_a_branch_reaches_the_scaler():
    model, inputs, samples = classifier()
    wrapper = ScalingWrapper(
        torch.optim.SGD(model.parameters(), 0.1), 2.**127)
    model.mixing.mixer_weight = model.clean_weight = 1e30
    grads, _ = gradients(model, inputs, samples, wrapper, factor=2.**127)
    for name in ('mixing.mixer.query.weight', 'clean_head.fc.weight'):
        assert not grads[name].isfinite().all(), name


@needs_cpu_scaler
def test_float16_without_a_scaler_is_not_released():
    """Small gradients would be lost before anybody can scale them."""
    loss = torch.ones((), requires_grad=True)
    step = BranchBackward([loss], sgd(torch.nn.Linear(1, 1)))
    with torch.autocast('cpu', dtype=torch.float16):
        losses = step.release(dict(loss=2 * loss))
    assert losses['loss'].grad_fn is not None
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = step.release(dict(loss=2 * loss))
    assert losses['loss'].grad_fn is None


def test_bfloat16_autocast():
    """Casts of weights are shared by the branches."""
    model, inputs, samples = classifier()
    expected, _ = gradients(model, inputs, samples, bfloat16=True)
    grads, _ = gradients(model, inputs, samples, sgd(model), bfloat16=True)
    assert all(grad is not None for grad in grads.values())
    # The plain sum adds the branches in bfloat16, at the cast of a weight.
    assert_equal(grads, expected, tolerance=2**-8)


def test_checkpointed_backbones_keep_one_backward_pass():
    model, inputs, samples = classifier()
    checkpointed, *_ = classifier(backbone=dict(
        type='ResNet_CIFAR', depth=18, stem_channels=4, base_channels=4,
        with_cp=True))
    checkpointed.load_state_dict(model.state_dict())
    inputs.requires_grad_()  # what a reentrant checkpoint needs
    expected, _ = gradients(model, inputs, samples)
    grads, losses = gradients(checkpointed, inputs, samples, sgd(model))
    assert 'HandOver' not in type(losses['loss_mixer'].grad_fn).__name__
    assert_equal(grads, expected, tolerance=1e-4)


def test_frozen_parts_get_no_gradient():
    model, inputs, samples = classifier()
    model.backbone.layer1.requires_grad_(False)
    model.clean_head.requires_grad_(False)
    grads, _ = gradients(model, inputs, samples, sgd(model))
    assert not any('layer1' in name for name in grads)
    assert all(grad is not None for grad in grads.values())


def test_losses_that_are_lists_count_as_a_runner_counts_them():
    weight = torch.tensor([2., 3.], requires_grad=True)
    step = BranchBackward([weight], sgd(torch.nn.Linear(1, 1)))
    losses = step.release(
        dict(loss=[weight, 2 * weight], accuracy=[torch.ones(1)]))
    assert losses['loss'] == 7.5 and losses['accuracy'] == [1]
    step.hand_over(losses)['loss'].backward()
    assert weight.grad.tolist() == [1.5, 1.5]


def test_a_second_backward_pass_is_an_error():
    model, inputs, samples = classifier()
    model.release_branches_for(sgd(model))
    loss = total(model.loss(inputs, samples))
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match='handed over already'):
        loss.backward()


def test_unequal_weights_do_not_go_unnoticed():
    model, inputs, samples = classifier()
    model.release_branches_for(sgd(model))
    losses = model.loss(inputs, samples)
    (losses['loss_mixer'] + 2 * losses['loss_mask']).backward()
    assert model.mixing.mixer.query.weight.grad.isnan().all()
