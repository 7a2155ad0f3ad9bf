import torch

from samix_mm.models import Vanilla
from tests.helpers.methods import mix, noise_images


def test_images_and_labels_are_what_they_were():
    method, images = Vanilla(), noise_images(3)
    state = torch.get_rng_state()
    mixture = mix(method, images)
    assert mixture.inputs.data_ptr() == images.data_ptr()  # no copy
    assert mixture.index.tolist() == [[0], [1], [2]]
    assert mixture.shares.tolist() == [[1.], [1.], [1.]]
    assert (mixture.mask == 1).all() and mixture.level == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert method.num_sources == {1} and method.last_lams() == []
