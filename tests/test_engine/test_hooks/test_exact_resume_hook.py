"""A run that was stopped anywhere and resumed equals one that was not, bit
for bit: with dropout, shuffling, random transforms and workers."""
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset, IterableDataset

from samix_mm.datasets.seeded import SeededDataset
from tests.helpers.tiny import TinyImages, make_runner, model_cfg
from tests.helpers.tiny_ssl import CLUSTERS, TwoViews, moco_cfg

PREPROCESSOR = dict(mean=[120.] * 3, std=[60.] * 3)
MODELS = dict(
    classifier=lambda: dict(model_cfg(), data_preprocessor=dict(PREPROCESSOR)),
    infonce=lambda: moco_cfg(
        data_preprocessor=dict(PREPROCESSOR, type='SelfSupDataPreprocessor')),
    cluster=lambda: moco_cfg(
        objective=CLUSTERS,
        data_preprocessor=dict(PREPROCESSOR, type='SelfSupDataPreprocessor')))
NUM_IMAGES, ITERS = 12, 4  # an epoch


class Shaky(Dataset):
    """Adds noise of all three generators, as transforms do."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.metainfo = dataset.metainfo

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        item = self.dataset[index]
        shift = (random.randrange(20) + np.random.randint(20)
                 + int(torch.randint(20, ())))
        images = item['inputs']
        if isinstance(images, list):
            return dict(item, inputs=[image + shift for image in images])
        return dict(item, inputs=images + shift)

    def get_gt_labels(self):
        return self.dataset.labels.numpy()


class Stopped(Exception):
    pass


class StopAt(Hook):
    """Ends the run in the middle of an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, *args, **kwargs):
        if runner.iter == self.iteration:
            raise Stopped


class Count(Hook):
    """Counts the iterations of each epoch."""

    def __init__(self):
        self.counts = {}

    def after_train_iter(self, runner, *args, **kwargs):
        self.counts[runner.epoch] = self.counts.get(runner.epoch, 0) + 1


def train(folder, name, workers=0, stop=None, resume=False, batch_size=3,
          num_images=NUM_IMAGES, hook=None, caplog=None, **kwargs):
    data = (TinyImages if name == 'classifier' else TwoViews)(num_images)
    dataloader = dict(
        dataset=Shaky(data),
        batch_size=batch_size,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True))
    cfg = dict(
        train_cfg=dict(by_epoch=True, max_epochs=3),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            runtime_info=dict(type='DeferredRuntimeInfoHook'),
            exact_resume=dict(type='ExactResumeHook'),
            checkpoint=dict(
                type='SafeCheckpointHook', interval=1, by_epoch=False,
                max_keep_ckpts=1)))
    cfg.update(kwargs)
    cfg.setdefault('dataloader', dataloader)
    runner: Runner = make_runner(
        folder, model=MODELS[name](), resume=resume, **cfg)
    if stop is not None:
        runner.register_hook(StopAt(stop), priority='LOWEST')
    if hook is not None:
        runner.register_hook(hook)
    if caplog is not None:
        runner.logger.addHandler(caplog.handler)
    try:
        runner.train()
    except Stopped:
        assert runner.iter == stop
    # Workers of a runner in a cycle that is collected are waited for in vain.
    runner.train_dataloader._iterator = None
    return runner


def assert_bitwise_equal(left, right):
    left, right = left.model.state_dict(), right.model.state_dict()
    assert left.keys() == right.keys()
    for key, value in left.items():
        assert torch.equal(value, right[key]), key


@pytest.mark.parametrize('name', MODELS)
@pytest.mark.parametrize('stops', [(5, ), (ITERS, 6)], ids=['once', 'twice'])
def test_in_the_middle_and_at_the_end_of_an_epoch(tmp_path, name, stops):
    whole = train(tmp_path / 'whole', name)
    train(tmp_path / 'stopped', name, stop=stops[0])
    for stop in (*stops[1:], None):
        torch.manual_seed(99)  # what a new process has drawn is of no matter
        np.random.seed(99)
        resumed = train(tmp_path / 'stopped', name, stop=stop, resume=True)
    assert resumed.iter == 3 * ITERS
    assert_bitwise_equal(resumed, whole)


def test_whatever_the_number_of_workers(tmp_path):
    whole = train(tmp_path / 'whole', 'classifier')
    train(tmp_path / 'stopped', 'classifier', workers=2, stop=6)
    resumed = train(tmp_path / 'stopped', 'classifier', workers=1, resume=True)
    assert_bitwise_equal(resumed, whole)


def test_loop_of_iterations(tmp_path):
    loop = dict(train_cfg=dict(by_epoch=False, max_iters=10))
    whole = train(tmp_path / 'whole', 'classifier', **loop)
    train(tmp_path / 'stopped', 'classifier', stop=6, **loop)
    resumed = train(tmp_path / 'stopped', 'classifier', resume=True, **loop)
    assert_bitwise_equal(resumed, whole)


@pytest.mark.parametrize('by_epoch, stop, batch_size, expected', [
    (False, 5, 3, {1: 3, 2: 4}), (False, 5, 2, {1: 6, 2: 6}),
    (True, 5, 3, {1: 4, 2: 4}), (True, 5, 2, {1: 6, 2: 6})
])
def test_an_epoch_of_other_batches_begins_anew(tmp_path, by_epoch, stop,
                                               batch_size, expected):
    """As one that was finished when the checkpoint was saved."""
    hooks = dict(default_hooks=dict(
        exact_resume=dict(type='ExactResumeHook'),
        checkpoint=dict(
            type='CheckpointHook', interval=1, by_epoch=by_epoch)))
    train(tmp_path, 'classifier', stop=stop, **hooks)
    counting = Count()
    train(tmp_path, 'classifier', resume=True, batch_size=batch_size,
          hook=counting, **hooks)
    assert counting.counts == expected


def edit(path, change):
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)


def test_a_place_that_was_saved_with_the_epoch_counted_already(tmp_path):
    """Older files say that all batches of the next epoch were seen."""
    every_epoch = dict(default_hooks=dict(
        exact_resume=dict(type='ExactResumeHook'),
        plain=dict(type='PlainCheckpointHook'),
        checkpoint=dict(type='CheckpointHook', interval=1)))
    whole = train(tmp_path, 'classifier', **every_epoch)

    def make_old(checkpoint):
        checkpoint['place_in_epoch'] = dict(
            batches=ITERS, processes=1, seen=ITERS)

    edit(tmp_path / 'epoch_1.pth', make_old)
    counting = Count()
    resumed = train(
        tmp_path / 'resumed', 'classifier', resume=True, hook=counting,
        load_from=str(tmp_path / 'epoch_1.pth'), **every_epoch)
    assert counting.counts == {1: ITERS, 2: ITERS}
    assert_bitwise_equal(resumed, whole)


@pytest.mark.parametrize('iteration, first', [(ITERS, {}), (6, {1: 2})])
def test_a_place_of_an_older_file(tmp_path, iteration, first):
    """Without seeds, batch size and number of images; also one whose epoch
    ends with it."""
    keep = dict(default_hooks=dict(
        exact_resume=dict(type='ExactResumeHook'),
        plain=dict(type='PlainCheckpointHook'),
        checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)))
    whole = train(tmp_path, 'classifier', **keep, randomness=dict(seed=None))

    def make_old(checkpoint):
        for key in ('seeds', 'batch_size', 'images'):
            del checkpoint['place_in_epoch'][key]

    path = tmp_path / f'iter_{iteration}.pth'
    edit(path, make_old)
    counting = Count()
    resumed = train(
        tmp_path / 'resumed', 'classifier', resume=True, hook=counting,
        load_from=str(path), **keep, randomness=dict(seed=None))
    assert counting.counts == {1: ITERS, 2: ITERS, **first}
    assert_bitwise_equal(resumed, whole)


@pytest.mark.parametrize('change, told', [
    (dict(batch_size=2, num_images=8), "'batch_size': 2, 'images': 8"),
    (dict(num_images=11), "'images': 11")
])
@pytest.mark.parametrize('stop', [ITERS, 6])
def test_as_many_batches_of_others_are_noticed(tmp_path, caplog, change, told,
                                               stop):
    """Whether an epoch was begun or not."""
    train(tmp_path, 'classifier', stop=stop)
    resumed = train(
        tmp_path, 'classifier', resume=True, log_level='WARNING',
        caplog=caplog, **change)
    assert len(resumed.train_dataloader) == ITERS
    warning, = (text for text in caplog.messages if 'not go on' in text)
    assert told in warning and "'images': 12" in warning
    assert ('begins anew' in warning) == (stop % ITERS > 0)


def test_a_run_of_the_same_batches_is_told_nothing(tmp_path, caplog):
    train(tmp_path, 'classifier', stop=6)
    train(tmp_path, 'classifier', resume=True, log_level='WARNING',
          caplog=caplog)
    assert not any('not go on' in text for text in caplog.messages)


def test_a_checkpoint_without_optimizer_is_noticed(tmp_path, caplog):
    train(tmp_path, 'classifier', stop=6)
    edit(tmp_path / 'iter_6.pth', lambda checkpoint: checkpoint.pop(
        'optimizer'))
    train(tmp_path, 'classifier', resume=True, log_level='WARNING',
          caplog=caplog)
    assert any('has no optimizer, as' in text for text in caplog.messages)


@pytest.mark.parametrize('place', [
    7, dict(), dict(seen=-1, batches=4), dict(seen='2', batches=4),
    dict(seen=2, batches=4, seeds=5), dict(seen=2, batches=4, seeds=[['x']]),
    dict(seen=2, batches=4, seeds=[[2**70]])
])
def test_refuses_what_is_no_place(tmp_path, place):
    train(tmp_path, 'classifier', stop=6)
    edit(tmp_path / 'iter_6.pth', lambda checkpoint: checkpoint.update(
        place_in_epoch=place))
    with pytest.raises(ValueError, match='place_in_epoch .* must be a dict'):
        train(tmp_path, 'classifier', resume=True)


def test_refuses_gradients_of_another_model(tmp_path):
    train(tmp_path, 'classifier', stop=6)
    edit(tmp_path / 'iter_6.pth', lambda checkpoint: checkpoint.update(
        open_gradients={'head.fc.bias': torch.ones(9)}))
    steps = dict(
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
        accumulative_counts=4)
    with pytest.raises(ValueError, match=r'head.fc.bias of the shape \(9,\)'):
        train(tmp_path, 'classifier', resume=True, optim_wrapper=steps)


class Iterable(IterableDataset):

    def __iter__(self):
        return iter([TinyImages(4)[0]] * len(self))

    def __len__(self):
        return 4


def test_refuses_a_stream_of_images(tmp_path):
    with pytest.raises(ValueError, match='batch sampler, got DataLoader'):
        train(tmp_path, 'classifier',
              dataloader=DataLoader(Iterable(), 2, collate_fn=pseudo_collate),
              train_cfg=dict(by_epoch=False, max_iters=2))


def test_a_loader_that_had_a_training_before(tmp_path):
    loader = DataLoader(Shaky(TinyImages(NUM_IMAGES)), 3, shuffle=True,
                        collate_fn=pseudo_collate)
    first, second = (
        train(tmp_path / name, 'classifier', dataloader=loader)
        for name in ('first', 'second'))
    assert_bitwise_equal(first, second)
    assert not isinstance(loader.dataset.dataset, SeededDataset)


def test_weights_alone_carry_no_place(tmp_path):
    train(tmp_path / 'first', 'classifier', stop=6)
    counting = Count()
    train(tmp_path / 'second', 'classifier', hook=counting,
          load_from=str(tmp_path / 'first' / 'iter_6.pth'))
    assert counting.counts == {0: ITERS, 1: ITERS, 2: ITERS}


def test_without_the_hook_it_is_not_so(tmp_path):
    """Or the tests above would show nothing."""
    hooks = dict(default_hooks=dict(
        checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)))
    whole = train(tmp_path / 'whole', 'classifier', **hooks)
    train(tmp_path / 'stopped', 'classifier', stop=5, **hooks)
    torch.manual_seed(99)
    resumed = train(tmp_path / 'stopped', 'classifier', resume=True, **hooks)
    with pytest.raises(AssertionError):
        assert_bitwise_equal(resumed, whole)


def test_epochs_and_seeds_differ(tmp_path):
    """Images are not transformed in the same way in each epoch."""
    runner = train(tmp_path, 'classifier')
    dataset = runner.train_dataloader.dataset
    batches = runner.train_dataloader.batch_sampler
    seen = []
    for epoch in range(2):
        batches.start(epoch)
        for batch in batches:
            seen += [(place.index, dataset[place]['inputs'].sum().item())
                     for place in batch]
    assert len({index for index, _ in seen}) == NUM_IMAGES
    assert len(set(seen)) > 1.5 * NUM_IMAGES
    assert len(dataset) == NUM_IMAGES and len(batches) == ITERS
    assert dataset.metainfo == dict(classes=tuple('abcd'))
