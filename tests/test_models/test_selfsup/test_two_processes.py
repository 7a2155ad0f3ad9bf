import torch
from torch.nn.parallel import DistributedDataParallel

from samix_mm.models import Pairing
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import fix_pairings, sgd
from tests.helpers.tiny_ssl import CLUSTERS, build_moco, views

NUM = 4  # images in each process
INDEX = torch.tensor([[1, 2, 3, 0], [2, 0, 3, 1]])
LAMS = torch.tensor([[0.3, 0.6, 0.45, 0.2], [0.2, 0.8, 0.5, 0.7]])


def model_with_pairings(*pairings):
    """The same model in each process, without dropout or batch statistics,
    that draws these pairings: the Mixer's first."""
    model = build_moco(
        mixing=dict(
            type='SAMix',
            mixer=dict(type='Mixer', dropout=0., gamma_init=0.5)),
        objective=CLUSTERS)
    model.eval()
    fix_pairings(model, *pairings)
    return model


def step(model, wrapped, inputs, data_samples):
    """Losses and gradients, and what the step leaves behind."""
    losses = wrapped(inputs, data_samples, mode='loss')
    losses = {key: value for key, value in losses.items() if 'loss' in key}
    sum(losses.values()).backward()
    return dict(
        losses={key: value.detach() for key, value in losses.items()},
        grads={
            name: param.grad
            for name, param in model.named_parameters() if param.requires_grad
        },
        state={
            name: buffer
            for name, buffer in model.named_buffers()
            if name.startswith(('queue', 'objective.clusters'))
        })


def process(rank, folder):
    model = model_with_pairings(
        Pairing(LAMS[rank], INDEX[rank]),
        Pairing(LAMS[1 - rank], INDEX[1 - rank]))
    inputs, data_samples = views(2 * NUM)
    own = slice(NUM * rank, NUM * (rank + 1))
    # gradients stay apart if a parameter gets none
    wrapped = DistributedDataParallel(model, find_unused_parameters=False)
    model.release_branches_for(sgd(model))  # as in training
    result = step(model, wrapped, [view[own] for view in inputs],
                  data_samples[own])
    torch.save(result, f'{folder}/result_{rank}.pth')


def test_two_processes_equal_one_with_the_joined_batch(tmp_path):
    """Partners stay within each process. Keys are shuffled between the
    processes, which changes nothing where BN has fixed statistics."""
    with gloo_processes(process, tmp_path):
        model = model_with_pairings(
            Pairing(LAMS.flatten(), torch.cat([INDEX[0], NUM + INDEX[1]])),
            Pairing(
                LAMS.flip(0).flatten(),
                torch.cat([INDEX[1], NUM + INDEX[0]])))
        expected = step(model, model, *views(2 * NUM))
    ranks = [torch.load(tmp_path / f'result_{rank}.pth') for rank in range(2)]
    for name, value in expected['losses'].items():
        mean = (ranks[0]['losses'][name] + ranks[1]['losses'][name]) / 2
        torch.testing.assert_close(mean, value, rtol=1e-5, atol=1e-6)
    for kind, tolerance in (('state', 1e-6), ('grads', 1e-5)):
        for name, value in expected[kind].items():
            assert torch.equal(ranks[0][kind][name], ranks[1][kind][name])
            torch.testing.assert_close(
                ranks[0][kind][name], value, rtol=1e-3, atol=tolerance,
                msg=lambda m, name=name: f'{name}: {m}')
    assert expected['state']['queue_ptr'] == 2 * NUM
