"""Streams continue where a training is resumed, and nowhere else."""
import copy
import pickle

import pytest
import torch

from samix_mm.models.mixing.random_stream import RandomStream
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import Recorder, TinyImages, make_runner, model_cfg

CHOICE = dict(
    type='RandomChoice',
    methods=[dict(type='MixUp'), dict(type='CutMix')])
SAVE = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', interval=1))
ITERS = 3  # an epoch


def numbers(stream, count=4):
    found = []
    for _ in range(count):
        found.append(stream.current().random())
        stream.advance()
    return found


def seeded(seed, *salt):
    torch.manual_seed(seed)
    return RandomStream(*salt)


def test_a_draw_is_a_function_of_seed_number_and_salt():
    assert numbers(seeded(1)) == numbers(seeded(1))
    others = [seeded(1), seeded(2), seeded(1, 3), seeded(1, 4)]
    found = [number for stream in others for number in numbers(stream)]
    assert len(set(found)) == len(found)
    stream = seeded(1)
    first, second = numbers(stream, 2)
    assert stream.generator_of(1).random() == second
    assert seeded(1).current().random() == first  # until it is advanced


def test_drawing_leaves_other_generators_alone():
    stream = seeded(1)
    before = torch.get_rng_state()
    numbers(stream)
    assert torch.equal(before, torch.get_rng_state())


def test_restart():
    stream, other = seeded(1), seeded(7)
    numbers(stream)
    stream.restart(7)
    assert numbers(stream) == numbers(other)


def test_without_a_runner_a_state_dict_is_resumed():
    stream = seeded(1)
    numbers(stream)
    other = seeded(2)
    other.load_state_dict(stream.state_dict())
    # a state that nobody has drawn from is handed on
    third = seeded(3)
    third.load_state_dict(other.state_dict())
    expected = numbers(stream)
    assert numbers(other) == expected and numbers(third) == expected


@pytest.mark.parametrize('how', [
    copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_copies_continue_by_themselves(how):
    stream = seeded(1)
    numbers(stream)
    other = how(stream)
    assert numbers(other) == numbers(stream)
    numbers(other)
    assert other.num_draws == stream.num_draws + 4


# In a runner


def lams(folder, seed=0, mixing=CHOICE, max_epochs=2, init_cfg=None,
         **kwargs):
    """What a training draws: number of the method, ratio and partners."""
    cfg = model_cfg(
        type='MixClassifier', mixing=copy.deepcopy(mixing), init_cfg=init_cfg)
    runner = make_runner(
        folder, model=cfg, hooks=[dict(type='PlainCheckpointHook')],
        max_epochs=max_epochs, seed=seed, default_hooks=SAVE, **kwargs)
    drawn, draw = [], runner.model.mixing.draw

    def recorded(*args):
        pairing = draw(*args)
        drawn.append([getattr(pairing, 'method', None), pairing.lam,
                      pairing.index.tolist()])
        return pairing

    runner.model.mixing.draw = recorded
    runner.train()
    return drawn


@pytest.mark.parametrize('mixing', [dict(type='MixUp'), CHOICE],
                         ids=['MixUp', 'RandomChoice'])
def test_weights_alone_bring_no_stream(tmp_path, mixing):
    """Trainings with other seeds from one checkpoint draw as if there were
    none, in all their steps."""
    lams(tmp_path / 'first', mixing=mixing)
    path = str(tmp_path / 'first' / 'epoch_2.pth')
    pretrained = dict(type='Pretrained', checkpoint=path)
    drawn = []
    for seed in (1, 2):
        own = lams(tmp_path / f'{seed}', seed, mixing, max_epochs=4)
        drawn.append(own)
        loaded = lams(tmp_path / f'loaded_{seed}', seed, mixing, max_epochs=4,
                      load_from=path)
        assert loaded == own
    initialised = lams(tmp_path / 'initialised', 2, mixing, max_epochs=4,
                       init_cfg=pretrained)
    assert initialised == drawn[1]
    assert len(drawn[0]) == 4 * ITERS
    assert not {lam for _, lam, _ in drawn[0]} & {lam for _, lam, _ in
                                                  drawn[1]}


@pytest.mark.parametrize('mixing', [dict(type='MixUp'), CHOICE],
                         ids=['MixUp', 'RandomChoice'])
def test_resuming_continues_the_stream(tmp_path, mixing):
    whole = lams(tmp_path / 'whole', 0, mixing, max_epochs=4)
    resumed = lams(
        tmp_path / 'resumed', 5, mixing, max_epochs=4, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    assert resumed == whole[ITERS:]


def test_a_training_from_a_checkpoint_can_be_resumed(tmp_path):
    """With the stream it had, not that of the checkpoint it began with."""
    lams(tmp_path / 'first')
    start = dict(load_from=str(tmp_path / 'first' / 'epoch_2.pth'))
    whole = lams(tmp_path / 'whole', 5, max_epochs=3, **start)
    resumed = lams(
        tmp_path / 'resumed', 6, max_epochs=3, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_2.pth'))
    assert resumed == whole[2 * ITERS:]


def train_and_resume(rank, folder):
    train_in_a_group(rank, folder, 'whole', 3)
    train_in_a_group(
        rank, folder, 'resumed', 4, resume=True,
        load_from=f'{folder}/whole/epoch_1.pth')


def train_in_a_group(rank, folder, name, seed, **options):
    runner = make_runner(
        f'{folder}/{name}',
        model=model_cfg(type='MixClassifier', mixing=dict(type='MixUp')),
        hooks=[dict(type='PlainCheckpointHook')],
        max_epochs=3,
        randomness=dict(seed=seed, diff_rank_seed=True),
        default_hooks=SAVE,
        dataloader=dict(
            dataset=TinyImages(12), batch_size=2, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True, seed=0)),
        **options)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    torch.save([pairing.lam for pairing in recorder.pairings],
               f'{folder}/{name}_{rank}.pth')


def test_each_process_gets_its_own_stream_back(tmp_path):
    """With ``diff_rank_seed``, and another seed in the resumed training."""
    with gloo_processes(train_and_resume, tmp_path):
        pass
    whole, resumed = (
        [torch.load(tmp_path / f'{name}_{rank}.pth') for rank in range(2)]
        for name in ('whole', 'resumed'))
    assert len(whole[0]) == 3 * ITERS
    assert not set(whole[0]) & set(whole[1])
    for rank in range(2):
        assert resumed[rank] == whole[rank][ITERS:]
