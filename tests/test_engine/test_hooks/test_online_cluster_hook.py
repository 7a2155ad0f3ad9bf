import json

import pytest
import torch

from samix_mm.engine import OnlineClusterHook
from samix_mm.models.clusters.online_clusters import OnlineClusters
from tests.helpers.clusters import Clustering, IndexedImages
from tests.helpers.tiny import TinyImages, make_runner

HOOK = dict(type='OnlineClusterHook', refresh_interval=2)


class Unlabelled(IndexedImages):

    def get_gt_labels(self):
        raise KeyError('gt_label')


def runner_of(path, dataset=None, hook=HOOK, model=None, **kwargs):
    return make_runner(
        path,
        model or Clustering(),
        hooks=[hook, dict(type='PlainCheckpointHook')],
        dataloader=dict(
            dataset=dataset or IndexedImages(),
            batch_size=3,
            num_workers=0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=True, seed=0)),
        **kwargs)


def spied(monkeypatch, name):
    """What a method is called with from now on."""
    calls, method = [], getattr(OnlineClusters, name)

    def spy(self, *args, **kwargs):
        calls.append(args)
        return method(self, *args, **kwargs)

    monkeypatch.setattr(OnlineClusters, name, spy)
    return calls


def test_training_starts_and_refreshes(tmp_path, monkeypatch):
    starts = spied(monkeypatch, 'start')
    refreshes = spied(monkeypatch, 'refresh')
    updates = spied(monkeypatch, 'update')
    order = []
    monkeypatch.setattr(
        OnlineClusterHook, 'after_train_epoch',
        lambda self, runner: order.append((len(updates), len(refreshes))))
    runner = runner_of(tmp_path, max_epochs=3)
    runner.train()
    assert len(starts) == 1 and starts[0][0].shape == (8, 6)
    assert order == [(3, 1), (6, 3), (9, 4)]  # of 3 iterations each
    assert runner.model.clusters.started


def logged(runner):
    with open(f'{runner._log_dir}/vis_data/scalars.json') as file:
        return [json.loads(row) for row in file]


def test_nmi_is_logged(tmp_path):
    runner = runner_of(tmp_path, max_epochs=2)
    runner.train()
    history = runner.message_hub.get_scalar('train/cluster_nmi')
    nmi = runner.model.clusters.nmi(TinyImages().labels)
    assert history.data[0][-1] == nmi and len(history.data[0]) == 2
    # in the second epoch's lines stands the first one's
    values = [row.get('cluster_nmi') for row in logged(runner)]
    assert values[:3] == [None] * 3
    assert values[3:] == pytest.approx([history.data[0][0]] * 3)


@pytest.mark.parametrize('interval, count', [(0, 0), (1, 3), (2, 1)])
def test_nmi_interval(tmp_path, interval, count):
    runner = runner_of(
        tmp_path, hook=dict(HOOK, nmi_interval=interval), max_epochs=3)
    runner.train()
    scalars = runner.message_hub.log_scalars
    history = scalars.get('train/cluster_nmi')
    assert (len(history.data[0]) if history else 0) == count


def test_no_nmi_without_labels(tmp_path):
    runner = runner_of(tmp_path, Unlabelled(), max_epochs=1)
    runner.train()
    assert 'train/cluster_nmi' not in runner.message_hub.log_scalars
    assert runner.model.clusters.started


def test_training_by_iterations(tmp_path, monkeypatch):
    refreshes = spied(monkeypatch, 'refresh')
    runner = runner_of(
        tmp_path, train_cfg=dict(by_epoch=False, max_iters=5))
    runner.train()
    assert len(refreshes) == 2


def without_dropout():
    # whose random numbers MMEngine does not resume
    model = Clustering()
    model.dropout.p = 0.
    return model


def test_resumed_goes_on_with_its_memory(tmp_path, monkeypatch):
    starts = spied(monkeypatch, 'start')
    data = IndexedImages(seed=0)
    whole = runner_of(tmp_path / 'whole', data, model=without_dropout())
    whole.train()
    resumed = runner_of(
        tmp_path / 'resumed',
        data,
        model=without_dropout(),
        resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    resumed.train()
    assert len(starts) == 1
    expected = whole.model.state_dict()
    for key, value in resumed.model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_refuses_the_memory_of_other_data(tmp_path):
    model = Clustering()
    model.clusters.start(torch.rand(9, 6))
    with pytest.raises(ValueError, match='clusters of 9 images, but the '
                       'training data set has 8'):
        runner_of(tmp_path, model=model).train()


def test_refuses_more_clusters_than_images(tmp_path):
    with pytest.raises(ValueError, match='number of images, 8, got 9'):
        runner_of(tmp_path, model=Clustering(9)).train()


def test_refuses_a_model_without_clusters(tmp_path):
    for clusters in (None, 'absent'):
        model = Clustering()
        model.clusters = None
        if clusters:
            del model.clusters
        with pytest.raises(TypeError, match="type='ClusterObjective'"):
            runner_of(tmp_path, model=model).train()


@pytest.mark.parametrize('kwargs, message', [
    (dict(refresh_interval=0), 'refresh_interval must be 1 or more, got 0'),
    (dict(nmi_interval=-1), 'nmi_interval must be 0 or more .* got -1'),
])
def test_refuses_intervals(kwargs, message):
    with pytest.raises(ValueError, match=message):
        OnlineClusterHook(**kwargs)
