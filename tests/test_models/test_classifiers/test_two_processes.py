import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from samix_mm.models import Pairing
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import batch, build, fix_pairings, sgd

NUM = 3  # images in each process
INDEX = torch.tensor([[1, 2, 0], [2, 0, 1]])
LAMS_K = torch.tensor([[0.3, 0.6, 0.45], [0.2, 0.8, 0.5]])
LAMS_Q = torch.tensor([[0.35, 0.02, 0.7], [0.25, 0.9, 0.97]])


def model_with_pairings(*pairings):
    """The same model in each process, without dropout or batch statistics,
    that draws these pairings: the Mixer's first."""
    torch.manual_seed(0)
    model = build(
        mixing=dict(
            type='SAMix',
            mixer=dict(type='Mixer', dropout=0., gamma_init=0.5)))
    model.eval()
    fix_pairings(model, *pairings)
    return model


def gradients(model, wrapped, inputs, data_samples):
    losses = wrapped(inputs, data_samples, mode='loss')
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    return {
        name: param.grad
        for name, param in model.named_parameters() if param.requires_grad
    }


def process(rank, folder, release):
    model = model_with_pairings(
        Pairing(LAMS_K[rank], INDEX[rank]),
        Pairing(LAMS_Q[rank], INDEX[1 - rank]))
    inputs, _, data_samples = batch(2 * NUM)
    own = slice(NUM * rank, NUM * (rank + 1))
    # gradients stay apart if a parameter gets none
    wrapped = DistributedDataParallel(model, find_unused_parameters=False)
    if release:
        model.release_branches_for(sgd(model))
    grads = gradients(model, wrapped, inputs[own], data_samples[own])
    torch.save(grads, f'{folder}/grads_{rank}.pth')


@pytest.mark.parametrize('release', [False, True])
def test_two_processes_equal_one_with_the_joined_batch(tmp_path, release):
    """Partners stay within each process: the joined permutation is the two
    of them side by side."""
    with gloo_processes(process, tmp_path, release):
        index_k = torch.cat([INDEX[0], NUM + INDEX[1]])
        index_q = torch.cat([INDEX[1], NUM + INDEX[0]])
        model = model_with_pairings(
            Pairing(LAMS_K.flatten(), index_k),
            Pairing(LAMS_Q.flatten(), index_q))
        inputs, _, data_samples = batch(2 * NUM)
        expected = gradients(model, model, inputs, data_samples)
    ranks = [torch.load(tmp_path / f'grads_{rank}.pth') for rank in range(2)]
    for name, grad in expected.items():
        assert torch.equal(ranks[0][name], ranks[1][name]), name
        torch.testing.assert_close(
            ranks[0][name], grad, rtol=1e-3, atol=1e-6,
            msg=lambda m, name=name: f'{name}: {m}')
    assert any(grad.abs().max() > 1e-3 for grad in expected.values())
