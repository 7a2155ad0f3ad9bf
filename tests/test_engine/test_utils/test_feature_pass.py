import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset

from samix_mm.engine.utils.feature_pass import all_features
from tests.helpers.clusters import (Clustering, IndexedImages, loader_of,
                                    means_of)
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import network_state


def test_starts_from_the_first_view_of_each_image():
    dataset, model = IndexedImages(10, seed=0), Clustering()
    feats = all_features(model, loader_of(dataset), seed=0)
    assert feats.shape == (10, 6) and not feats.requires_grad
    torch.testing.assert_close(feats[:, :3], means_of(dataset))
    # the last batch is not a rest of one image, which has no statistics
    assert [len(call) for call in model.calls] == [3, 3, 2, 2]


@pytest.mark.parametrize('num_images, batch_size, sizes',
                         [(3, 2, [3]), (9, 8, [5, 4]), (4, 8, [4])])
def test_no_batch_of_one_image(num_images, batch_size, sizes):
    model, dataset = Clustering(), IndexedImages(num_images)
    all_features(model, loader_of(dataset, batch_size), seed=0)
    assert [len(call) for call in model.calls] == sizes


def test_images_are_shuffled_by_the_seed():
    dataset, orders = IndexedImages(seed=0), []
    for seed in (0, 0, 1):
        model = Clustering()
        all_features(model, loader_of(dataset, drop_last=True), seed)
        orders.append(torch.cat(model.calls)[:, :3].tolist())
    in_order = means_of(dataset).tolist()
    assert orders[0] == orders[1] != orders[2]
    assert in_order not in orders


def test_batch_statistics_without_dropout():
    """The rest is in evaluation mode, and what the model freezes as well."""
    model = Clustering()
    model.frozen.running_mean.fill_(100.)
    all_features(model, loader_of(IndexedImages(seed=0)), seed=0)
    for call in model.calls:
        means, normed = call[:, :3] - 100., call[:, 3:]
        expected = (means - means.mean(0)) / means.var(
            0, unbiased=False).add(1e-5).sqrt()
        torch.testing.assert_close(normed, expected, rtol=1e-3, atol=1e-3)


def test_leaves_the_model_and_random_states_alone():
    model = Clustering()
    model.dropout.eval()
    model.norm.running_mean.normal_()
    state = network_state(model)
    modes = [module.training for module in model.modules()]
    np.random.seed(3)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    python_state = random.getstate()
    all_features(model, loader_of(IndexedImages()), seed=0)
    assert [module.training for module in model.modules()] == modes
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])
    assert np.random.get_state()[2] == numpy_state[2]
    assert random.getstate() == python_state


def test_one_view_as_a_tensor():

    class OneView(IndexedImages):

        def __getitem__(self, idx):
            item = super().__getitem__(idx)
            return dict(item, inputs=item['inputs'][0])

    dataset = OneView(seed=0)
    feats = all_features(Clustering(), loader_of(dataset), seed=0)
    torch.testing.assert_close(feats[:, :3], means_of(dataset))


def test_refuses_numbers_that_repeat():
    dataset = ConcatDataset([IndexedImages(4), IndexedImages(4)])
    with pytest.raises(ValueError, match='each of the 8 images needs a '
                       'sample_idx of its own from 0 to 7, got 4 different '
                       'ones from 0 to 3'):
        all_features(Clustering(), loader_of(dataset), seed=0)


def process(rank, folder):
    model = Clustering()
    # 9 images: one process gets the padding
    feats = all_features(model, loader_of(IndexedImages(9, seed=0)), seed=0)
    torch.save((feats, sum(map(len, model.calls))),
               f'{folder}/feats_{rank}.pth')


def test_two_processes_share_the_images(tmp_path):
    with gloo_processes(process, tmp_path):
        pass
    (left, seen), (right, also_seen) = (
        torch.load(tmp_path / f'feats_{rank}.pth') for rank in range(2))
    assert torch.equal(left, right)
    torch.testing.assert_close(left[:, :3],
                               means_of(IndexedImages(9)))
    assert seen == also_seen == 5
