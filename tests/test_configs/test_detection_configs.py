"""Table 6: MoCo's detection protocol, in MMDetection.

What a config says is tested wherever MMDetection is installed; the networks
are built where mmcv has its operators as well.
"""
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from samix_mm.checkpoints.converters import backbone_state, to_torchvision
from samix_mm.models.heads.normed_shared_head import NormedSharedHead

FOLDER = Path(__file__).parents[2] / 'configs/detection'
VOC = FOLDER / 'faster-rcnn_r50-c4_24k_voc0712.py'
COCO = FOLDER / 'mask-rcnn_r50-c4_2x_coco.py'
BOTH = pytest.mark.parametrize('path', [VOC, COCO], ids=lambda p: p.stem)

needs_mmdet = pytest.mark.skipif(
    find_spec('mmdet') is None, reason='MMDetection is not installed')


def test_each_config_is_tested():
    assert sorted(FOLDER.glob('*.py')) == [VOC, COCO]


@pytest.mark.parametrize('path, ours, mocos', [
    (VOC, 'AP 57.8, AP50 83.1, AP75 64.4', 'AP 56.9, AP50 82.2, AP75 63.4'),
    (COCO, 'APb 41.3, APb50 61.1, APb75 44.7',
     'APb 40.6, APb50 60.1, APb75 44.0')], ids=['voc', 'coco'])
def test_header(path, ours, mocos):
    """A reader learns numbers, command and cost before the first setting."""
    header = path.read_text().split('_base_')[0]
    assert all(line.startswith('#') for line in header.splitlines())
    text = ' '.join(header.replace('#', ' ').replace('\\', ' ').split())
    assert f'SAMix-C: {ours}; MoCo.V2: {mocos}.' in text
    assert 'Table 6' in text
    assert 'backbone_to_torchvision.py CHECKPOINT FILE' in text
    assert (f'BACKBONE=FILE mim train mmdet configs/detection/{path.name} '
            '--launcher pytorch --gpus 8') in text
    for part in ('backbone', 'roi_head.shared_head.layer'):
        assert f' model.{part}.init_cfg.checkpoint=FILE' in text
    assert 'Cost: ' in text
    assert 'mmcv with its operators' in text


def test_the_extra_norm_comes_after_the_layer():
    torch.manual_seed(0)
    head = NormedSharedHead(
        dict(type='Conv2d', in_channels=3, out_channels=5, kernel_size=1),
        num_features=5,
        norm_cfg=dict(type='BN'))
    features = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(
        head(features),
        nn.functional.batch_norm(
            head.layer(features), None, None, training=True))


@needs_mmdet
@BOTH
def test_protocol(path, monkeypatch):
    monkeypatch.setenv('BACKBONE', 'x.pth')
    cfg = Config.fromfile(path)
    backbone = cfg.model.backbone
    layer = cfg.model.roi_head.shared_head.layer
    assert backbone.frozen_stages == -1
    for part in (backbone, layer):
        assert part.style == 'pytorch'
        assert not part.norm_eval
        assert part.norm_cfg == dict(type='SyncBN', requires_grad=True)
        assert part.init_cfg == dict(type='Pretrained', checkpoint='x.pth')
    assert cfg.model.roi_head.shared_head.norm_cfg.type == 'SyncBN'
    assert cfg.model.data_preprocessor.bgr_to_rgb
    assert cfg.model.data_preprocessor.mean[0] == 123.675
    assert cfg.model.data_preprocessor.std == [58.395, 57.12, 57.375]
    assert cfg.model.train_cfg.rpn.allowed_border == -1

    total, steps, warmup, shortest, classes = (
        (24000, [18000, 22000], 100, 480, 20) if path == VOC else
        (180000, [120000, 160000], 1000, 640, 80))
    assert cfg.train_cfg.type == 'IterBasedTrainLoop'
    assert cfg.train_cfg.max_iters == total
    assert 'max_epochs' not in cfg.train_cfg
    linear, multi_step = cfg.param_scheduler
    assert (linear.end, linear.by_epoch) == (warmup, False)
    assert (multi_step.milestones, multi_step.by_epoch) == (steps, False)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum,
            optimizer.weight_decay) == ('SGD', 0.02, 0.9, 1e-4)
    assert cfg.auto_scale_lr.base_batch_size == 16
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.train_dataloader.sampler.type == 'InfiniteSampler'
    assert not cfg.log_processor.by_epoch
    assert cfg.model.roi_head.bbox_head.num_classes == classes

    dataset = cfg.train_dataloader.dataset
    for part in dataset.get('datasets', [dataset]):
        resize = next(transform for transform in part.pipeline
                      if transform.type == 'RandomChoiceResize')
        assert resize.scales == [
            (1333, side) for side in range(shortest, 801, 32)]
    tested = cfg.test_dataloader.dataset
    resize = next(transform for transform in tested.pipeline
                  if transform.type == 'Resize')
    assert resize.scale == (1333, 800)


@needs_mmdet
def test_voc_is_trained_on_both_years_and_tested_at_ten_overlaps():
    cfg = Config.fromfile(VOC)
    dataset = cfg.train_dataloader.dataset
    assert [part.ann_file for part in dataset.datasets] == [
        f'VOC{year}/ImageSets/Main/trainval.txt' for year in (2007, 2012)]
    assert dataset.ignore_keys == ['dataset_type']
    tested = cfg.test_dataloader.dataset
    assert tested.ann_file == 'VOC2007/ImageSets/Main/test.txt'
    assert cfg.test_evaluator.iou_thrs == pytest.approx(
        [0.5 + 0.05 * i for i in range(10)])
    assert cfg.test_evaluator.eval_mode == '11points'


@needs_mmdet
@BOTH
def test_a_converted_backbone_fills_both_parts(path, tmp_path, monkeypatch):
    try:
        import mmdet.models  # noqa: F401
    except ModuleNotFoundError as error:
        if not error.name.startswith('mmcv.'):
            raise
        pytest.skip('mmcv has no operators')
    torch.manual_seed(0)
    trained = MODELS.build(dict(type='mmpretrain.ResNet', depth=50))
    weights = to_torchvision(backbone_state({
        f'backbone.{key}': torch.rand_like(value.float()).to(value.dtype)
        for key, value in trained.state_dict().items()}))
    torch.save(weights, tmp_path / 'backbone.pth')
    monkeypatch.setenv('BACKBONE', str(tmp_path / 'backbone.pth'))

    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(path).model)
    model.init_weights()
    head = model.roi_head.shared_head
    loaded = {**model.backbone.state_dict(), **head.layer.state_dict()}
    assert set(loaded) == set(weights)
    for key, value in loaded.items():
        torch.testing.assert_close(value, weights[key], rtol=0, atol=0)

    model.train()
    for part in (model.backbone, head):
        norms = [module for module in part.modules()
                 if isinstance(module, nn.SyncBatchNorm)]
        assert len(norms) == (43 if part is model.backbone else 11)
        assert all(norm.training for norm in norms)
        assert all(weight.requires_grad for weight in part.parameters())
    head = revert_sync_batchnorm(head).eval()
    assert head(torch.rand(2, 1024, 14, 14)).shape == (2, 2048, 7, 7)
