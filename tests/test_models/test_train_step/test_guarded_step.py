"""What a training step keeps for its backward pass, and what not."""
import copy
import weakref

import pytest
import torch

from tests.helpers.tiny import batch, build, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views

VARIANTS = dict(infonce={}, cluster=dict(objective=CLUSTERS))


@pytest.mark.parametrize('kwargs', VARIANTS.values(), ids=VARIANTS)
def test_keys_join_the_queue_after_the_backward_pass(kwargs):
    """No copy of the queue is needed, and nothing else comes out."""
    model = build_moco(**kwargs).train()
    inputs, samples = views()
    seen = {}

    def watch(views):
        negatives = views.negatives
        seen.update(
            shared=negatives.data_ptr() == model.queue.data_ptr(),
            before=negatives.clone())

    online_losses = model.online_losses
    model.online_losses = lambda *args: watch(args[-1]) or online_losses(*args)
    by_hand = copy.deepcopy(model)
    by_hand.online_losses = type(by_hand).online_losses.__get__(by_hand)

    torch.manual_seed(1)
    model.train_step(dict(inputs=inputs, data_samples=samples), sgd(model))
    assert seen['shared']
    assert not torch.equal(seen['before'], model.queue)

    torch.manual_seed(1)
    optim_wrapper = sgd(by_hand)
    losses = by_hand.loss(inputs, samples)
    assert not torch.equal(seen['before'], by_hand.queue)  # at once
    optim_wrapper.update_params(by_hand.parse_losses(losses)[0])
    assert torch.equal(model.queue, by_hand.queue)
    for key, value in by_hand.state_dict().items():
        torch.testing.assert_close(
            model.state_dict()[key], value, msg=key, rtol=1e-5, atol=1e-6)


def test_a_step_that_fails_leaves_the_queue_alone():
    model = build_moco().train()
    inputs, samples = views()
    before = model.queue.clone()
    model.mixing.log_vars = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.train_step(dict(inputs=inputs, data_samples=samples), sgd(model))
    assert torch.equal(model.queue, before)
    del model.mixing.log_vars
    model.loss(inputs, samples)  # outside a training step again: at once
    assert not torch.equal(model.queue, before)


def classifier_and_data():
    inputs, _, samples = batch()
    return build(), dict(inputs=inputs.mul(255), data_samples=samples)


def moco_and_data():
    inputs, samples = views()
    return build_moco(), dict(inputs=inputs, data_samples=samples)


@pytest.mark.parametrize('make', [classifier_and_data, moco_and_data])
def test_the_images_are_gone_in_the_backward_pass(make):
    """The mixed ones do without them, as their masks want no gradients."""
    model, data = make()
    images = []

    def preprocess(data, training):
        single = torch.is_tensor(data['inputs'])
        inputs = [data['inputs']] if single else data['inputs']
        inputs = [view * 0.5 for view in inputs]
        images.extend(map(weakref.ref, inputs))
        return dict(data, inputs=inputs[0] if single else inputs)

    model.data_preprocessor.forward = preprocess
    optim_wrapper = sgd(model)
    backward = optim_wrapper.backward
    alive = []

    def watch(loss):
        alive.extend(ref() is not None for ref in images)
        backward(loss)

    optim_wrapper.backward = watch
    model.train().train_step(data, optim_wrapper)
    assert alive and not any(alive)
