import os

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from samix_mm.engine import KNNValLoop
from samix_mm.engine.runner.knn_loops import (gather_rows, one_view,
                                              pooled_features)
from samix_mm.evaluation import knn_scores
from tests.helpers.processes import gloo_processes
from tests.helpers.tiny import (BACKBONES, NUM_CLASSES, TinyImages, loader,
                                make_runner, network_state, stock_cfg)

K = 3
MEAN, STD = [127., 120., 110.], [60., 50., 40.]
EVALUATOR = dict(type='KNNAccuracy', k=K)
STACKED = dict(collate_fn=dict(type='default_collate'))
CLASSIFIER = dict(
    stock_cfg(),
    data_preprocessor=dict(mean=MEAN, std=STD, to_rgb=True))
MOCO = dict(
    type='MoCo',
    backbone=BACKBONES['ResNet_CIFAR'][0],
    neck=dict(
        type='MoCoV2Neck', in_channels=32, hid_channels=8, out_channels=8),
    head=dict(
        type='ContrastiveHead',
        loss=dict(type='CrossEntropyLoss'),
        temperature=0.2),
    queue_len=8,
    feat_dim=8,
    data_preprocessor=dict(mean=MEAN, std=STD, bgr_to_rgb=True))


class Query(TinyImages):
    """Images of the same colours with more noise, so that some are wrong."""

    def __init__(self, num_images=10):
        super().__init__(num_images)
        generator = torch.Generator().manual_seed(3)
        noise = torch.randint(0, 256, self.images.shape, generator=generator)
        self.images = (self.images // 2 + noise // 2).byte()


class TwoViews(TinyImages):
    """What a pipeline with ``MultiView`` gives."""

    def __getitem__(self, idx):
        item = super().__getitem__(idx)
        image = item['inputs']
        return dict(item, inputs=[image, image.flip(2)])


class Unlabelled(TinyImages):

    def __getitem__(self, idx):
        return dict(super().__getitem__(idx), data_samples=DataSample())


def of(dataset, **kwargs):
    return dict(loader(**kwargs), dataset=dataset)


def knn_runner(work_dir, model=CLASSIFIER, stage='val', bank=None, query=None,
               evaluator=EVALUATOR, loop=None, **kwargs):
    loop = dict(loop or {}, type=f'KNN{stage.capitalize()}Loop')
    cfg = {
        f'{stage}_cfg': dict(loop, bank_dataloader=bank or loader(13, 4)),
        f'{stage}_dataloader': query or of(Query()),
        f'{stage}_evaluator': evaluator
    }
    return make_runner(work_dir, model=model, hooks=(), **cfg, **kwargs)


def features(model, images):
    """Pooled features of uint8 images, without any of the loop's code."""
    images = images.float().flip(1)
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(
        STD).view(3, 1, 1)
    model.eval()
    with torch.no_grad():
        return model.backbone(images)[-1].flatten(2).mean(dim=2)


def accuracy(model, bank=None, query=None):
    bank, query = bank or TinyImages(13), query or Query()
    scores = knn_scores(
        features(model, query.images), features(model, bank.images),
        bank.labels, NUM_CLASSES, K)
    return 100 * (scores.argmax(dim=1) == query.labels).float().mean().item()


@pytest.mark.parametrize('collate', [{}, STACKED], ids=['list', 'stacked'])
@pytest.mark.parametrize('model', [CLASSIFIER, MOCO],
                         ids=['classifier', 'moco'])
@pytest.mark.parametrize('stage', ['val', 'test'])
def test_metric_of_a_model(tmp_path, stage, model, collate):
    runner = knn_runner(
        tmp_path, model, stage, dict(loader(13, 4), **collate),
        dict(of(Query()), **collate))
    before = network_state(runner.model)
    metrics = getattr(runner, stage)()
    expected = accuracy(runner.model)
    assert metrics == pytest.approx({'knn/top1': expected})
    assert 100 / NUM_CLASSES < expected < 100
    after = network_state(runner.model)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_several_metrics_share_the_bank(tmp_path):
    evaluator = [EVALUATOR, dict(EVALUATOR, k=13, prefix='all')]
    runner = knn_runner(tmp_path, evaluator=evaluator)
    metrics = runner.val()
    assert list(metrics) == ['knn/top1', 'all/top1']
    assert metrics['knn/top1'] == pytest.approx(accuracy(runner.model))


def test_hooks_are_called_as_in_the_parent(tmp_path):
    runner = knn_runner(tmp_path)
    calls = []
    call_hook = runner.call_hook
    runner.call_hook = lambda name, **kwargs: (calls.append(
        (name, kwargs)), call_hook(name, **kwargs))
    metrics = runner.val()
    calls = [call for call in calls if '_val' in call[0]]
    iteration = ['before_val_iter', 'after_val_iter']
    assert [name for name, _ in calls] == [
        'before_val', 'before_val_epoch', *4 * iteration, 'after_val_epoch',
        'after_val'
    ]
    arguments = dict(calls)
    assert arguments['after_val_epoch']['metrics'] == metrics
    assert len(arguments['after_val_iter']['outputs']) == 1  # 10 = 3 * 3 + 1
    assert arguments['after_val_iter']['batch_idx'] == 3


class Modes(Hook):

    def __init__(self):
        self.training = []

    def before_train_iter(self, runner, *args, **kwargs):
        self.training.append(runner.model.training)


def test_pre_training_is_followed(tmp_path):
    """The bank is filled anew each time, and its memory freed."""
    runner = knn_runner(
        tmp_path,
        MOCO,
        dataloader=dict(
            of(TwoViews(8), shuffle=True, batch_size=4), drop_last=True,
            **STACKED),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', save_best='knn/top1')))
    modes = Modes()
    runner.register_hook(modes)
    runner.train()
    assert modes.training == [True] * 4
    history = runner.message_hub.get_scalar('val/knn/top1').data[0]
    assert len(history) == 2
    assert history[-1] == pytest.approx(accuracy(runner.model))
    assert list(tmp_path.glob('best_knn_top1_*.pth'))
    assert runner.val_loop.knn_metrics[0]._bank is None


def test_a_checkpoint_is_tested_alone(tmp_path):
    """As ``mim test`` does it."""
    trained = MODELS.build(MOCO)
    torch.manual_seed(5)
    for param in trained.parameters():
        param.data.add_(0.1 * torch.randn_like(param))
    path = str(tmp_path / 'moco.pth')
    torch.save(dict(state_dict=trained.state_dict()), path)
    runner = knn_runner(tmp_path, MOCO, 'test', load_from=path)
    assert runner.test()['knn/top1'] == pytest.approx(accuracy(trained))


def test_mixed_precision(tmp_path):
    runner = knn_runner(tmp_path, loop=dict(fp16=True))
    dtypes = set()
    runner.model.backbone.register_forward_hook(
        lambda module, args, output: dtypes.add(output[-1].dtype))
    assert 0 <= runner.val()['knn/top1'] <= 100
    assert dtypes == {torch.bfloat16}


@pytest.mark.parametrize('given', [{}, dict(pin_memory=True)])
def test_dataloader_of_the_bank_is_built_as_given(tmp_path, given):
    runner = knn_runner(tmp_path, bank=loader(13, 4, **given))
    loop = runner.build_val_loop(runner._val_loop)
    assert loop.bank_dataloader.pin_memory == bool(given)
    assert loop.bank_dataloader.batch_size == 4
    built = Runner.build_dataloader(loader(8, 2))
    assert KNNValLoop(runner, loop.dataloader, loop.evaluator,
                      built).bank_dataloader is built


@pytest.mark.parametrize('kwargs, message', [
    (dict(evaluator=dict(type='Accuracy')),
     r"got \['Accuracy'\]; write val_evaluator = dict\(type='KNNAccuracy'"),
    (dict(bank=of(Unlabelled())), 'bank_dataloader must have labels'),
    (dict(bank=of(TwoViews())), "got 2; .* without type='MultiView'"),
    (dict(query=of(TwoViews())), "got 2; .* without type='MultiView'"),
    (dict(bank=loader(2)), 'bank, 2, got k=3'),
    (dict(bank=loader(2, drop_last=True)), 'gave no images; it has 2'),
])
def test_what_is_missing_is_said(tmp_path, kwargs, message):
    with pytest.raises(ValueError, match=message):
        knn_runner(tmp_path, **kwargs).val()


IMAGES = TinyImages(4).images


@pytest.mark.parametrize('inputs', [
    IMAGES,
    list(IMAGES),
    tuple(IMAGES),
    [IMAGES],
    [list(IMAGES)],
    [tuple(IMAGES)],
], ids=['stacked', 'list', 'tuple', 'view', 'view_list', 'view_tuple'])
def test_one_view_however_collated(inputs):
    assert torch.equal(one_view(inputs), IMAGES)


def test_a_batch_of_one_image_is_no_view():
    assert one_view([IMAGES[0]]).shape == (1, 3, 9, 11)


def test_images_of_several_sizes_are_refused():
    with pytest.raises(ValueError, match=r'\(3, 9, 10\), \(3, 9, 11\)'):
        one_view([IMAGES[0], IMAGES[1][..., 1:]])


class Backbone(torch.nn.Module):

    def __init__(self, output):
        super().__init__()
        self.backbone = lambda inputs: output


VECTORS, MAPS = torch.rand(2, 5), torch.rand(2, 5, 3, 4)


@pytest.mark.parametrize('output, expected', [
    (VECTORS, VECTORS),
    ((MAPS, VECTORS), VECTORS),
    (MAPS, MAPS.flatten(2).mean(dim=2)),
    ([VECTORS, MAPS], MAPS.flatten(2).mean(dim=2)),
])
def test_last_output_is_pooled(output, expected):
    torch.testing.assert_close(
        pooled_features(Backbone(output), None), expected)


def test_tokens_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 7, 5\).*'cls_token'"):
        pooled_features(Backbone((torch.rand(2, 7, 5), )), None)


LOADERS = dict(
    padded=dict(),
    shuffled=dict(shuffle=True),
    uneven=dict(round_up=False))


def in_processes(name, work_dir):
    """Bank and queries that two processes cannot share evenly."""
    bank, query = of(TinyImages(13), batch_size=2), of(Query(9))
    for cfg in (bank, query):
        cfg['sampler'] = dict(cfg['sampler'], **LOADERS[name])
    return knn_runner(work_dir, MOCO, bank=bank, query=query)


def process(rank, folder):
    os.chdir(folder)  # MMEngine collects results in a folder of this one
    rows = torch.arange(7)[rank::2]
    gathered = [gather_rows(rows, size) for size in (7, 5)]
    metrics = []
    for name in LOADERS:
        runner = in_processes(name, f'{folder}/{name}')
        runner.model = MMDistributedDataParallel(
            runner.model, broadcast_buffers=False)
        metrics.append(runner.val()['knn/top1'])
    torch.save((gathered, metrics), f'{folder}/rank_{rank}.pth')


def test_two_processes_equal_one(tmp_path):
    with gloo_processes(process, tmp_path):
        pass
    expected = in_processes('padded', tmp_path / 'one').val()['knn/top1']
    assert 100 / NUM_CLASSES < expected < 100
    for rank in range(2):
        gathered, metrics = torch.load(tmp_path / f'rank_{rank}.pth')
        assert gathered[0].tolist() == list(range(7))
        assert gathered[1].tolist() == list(range(5))
        assert metrics == pytest.approx([expected] * len(LOADERS))
