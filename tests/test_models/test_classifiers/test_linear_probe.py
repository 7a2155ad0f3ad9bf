import pytest
import torch
from mmengine.hub import get_config
from mmpretrain.registry import MODELS

from tests.helpers.tiny import (BACKBONES, NUM_CLASSES, assert_same, batch,
                                loader, make_runner, network_state, sgd)

PRE_TRAINING = 'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'
LINEAR = ('mmpretrain::mocov2/benchmarks/'
          'resnet50_8xb32-linear-steplr-100e_in1k.py')
#: Without it, MMEngine's checkpoints are no plain ones that we load.
HOOKS = (dict(type='PlainCheckpointHook'), )
#: Of the same depth, so that the names are those of ResNet-50.
SMALL = dict(stem_channels=4, base_channels=4)
GIVE_FILE = '--cfg-options model.backbone.init_cfg.checkpoint=FILE'


@pytest.fixture(scope='module')
def moco():
    """MMPretrain's MoCo v2, with weights and statistics of its own."""
    cfg = get_config(PRE_TRAINING).model
    cfg.backbone.update(SMALL)
    cfg.neck.update(in_channels=128, hid_channels=8, out_channels=8)
    model = MODELS.build(dict(cfg, queue_len=8, feat_dim=8))
    torch.manual_seed(1)
    for value in model.backbone.state_dict().values():
        if value.is_floating_point():
            value.add_(0.02 * torch.rand_like(value))
    return model


@pytest.fixture(scope='module')
def checkpoint(moco, tmp_path_factory):
    path = str(tmp_path_factory.mktemp('moco') / 'moco.pth')
    torch.save(dict(state_dict=moco.state_dict(), meta={}), path)
    return path


def probe_cfg(checkpoint, **init_cfg):
    """MMPretrain's config of the linear evaluation, with another type."""
    cfg = get_config(LINEAR).model
    cfg.type = 'LinearProbe'
    cfg.backbone.init_cfg.update(checkpoint=checkpoint, **init_cfg)
    cfg.backbone.update(SMALL)
    cfg.head.update(in_channels=128, num_classes=NUM_CLASSES)
    return cfg


def probe(checkpoint, **init_cfg):
    model = MODELS.build(probe_cfg(checkpoint, **init_cfg))
    model.init_weights()
    return model


def saved(tmp_path, state):
    path = str(tmp_path / 'weights.pth')
    torch.save(state, path)
    return path


def test_backbone_is_that_of_the_pre_training(moco, checkpoint):
    model = probe(checkpoint)
    assert_same(
        network_state(model.backbone),
        network_state(moco.backbone),
        rtol=0,
        atol=0)
    assert not model.backbone.layer4[2].conv3.weight.requires_grad
    stock = MODELS.build(dict(probe_cfg(''), type='ImageClassifier'))
    assert model.state_dict().keys() == stock.state_dict().keys()


@pytest.mark.parametrize('frozen_stages', [-1, 4])
@pytest.mark.parametrize('neck', [
    dict(type='GlobalAveragePooling'),
    dict(
        type='MoCoV2Neck', in_channels=128, hid_channels=8, out_channels=128)
])
def test_training_changes_all_but_the_backbone(moco, checkpoint, neck,
                                               frozen_stages):
    cfg = probe_cfg(checkpoint)
    cfg.update(neck=neck)
    cfg.backbone.frozen_stages = frozen_stages
    model = MODELS.build(cfg)
    model.init_weights()
    before = network_state(model)
    optimizer = sgd(model, lr=0.5)
    inputs, _, data_samples = batch(4, seed=3)
    for _ in range(2):
        model.train()
        assert model.head.training and model.neck.training
        model.train_step(
            dict(inputs=inputs, data_samples=data_samples), optimizer)
    after = network_state(model)
    assert all(torch.isfinite(value).all() for value in after.values())
    same = {key for key in before if torch.equal(before[key], after[key])}
    assert same == {key for key in before if key.startswith('backbone.')}


def test_a_stock_training(moco, checkpoint, tmp_path):
    """With a runner, whose optimizer holds the frozen parameters too."""
    runner = make_runner(
        tmp_path,
        model=probe_cfg(checkpoint),
        hooks=HOOKS,
        max_epochs=1,
        dataloader=loader(8, 4),
        optim_wrapper=dict(
            optimizer=dict(
                type='SGD', lr=30., momentum=0.9, weight_decay=0.1)))
    runner.train()
    assert runner.iter == 2
    trained = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    trained = trained['state_dict']
    for key, value in moco.backbone.state_dict().items():
        assert torch.equal(trained[f'backbone.{key}'], value), key
    assert 0.1 < trained['head.fc.weight'].abs().max() < float('inf')


def test_a_trained_probe_needs_no_other_file(checkpoint, tmp_path):
    first = make_runner(
        tmp_path, model=probe_cfg(checkpoint), hooks=HOOKS, max_epochs=1)
    first.train()
    path = str(tmp_path / 'epoch_1.pth')
    evaluation = dict(
        test_cfg=dict(),
        test_dataloader=loader(8),
        test_evaluator=dict(type='Accuracy'))
    tested = make_runner(
        tmp_path, model=probe_cfg(''), load_from=path, hooks=(), **evaluation)
    tested.test()
    assert_same(
        network_state(tested.model), network_state(first.model), rtol=0,
        atol=0)
    # Training initialises before it resumes: the probe's own file will do.
    resumed = make_runner(
        tmp_path, model=probe_cfg(path), hooks=HOOKS, load_from=path,
        resume=True)
    resumed.train()
    assert (resumed.epoch, resumed.iter) == (2, 6)
    assert_same(
        network_state(resumed.model.backbone),
        network_state(first.model.backbone),
        rtol=0,
        atol=0)


@pytest.mark.parametrize('stage', ['backbone', 'neck', 'pre_logits'])
def test_features_are_those_of_an_image_classifier(checkpoint, stage):
    model = probe(checkpoint)
    stock = MODELS.build(dict(probe_cfg(''), type='ImageClassifier'))
    stock.load_state_dict(model.state_dict())
    inputs = batch(2)[0]
    feats = model.train().extract_feat(inputs, stage)
    torch.testing.assert_close(feats, stock.eval().extract_feat(inputs, stage))
    feats = feats if torch.is_tensor(feats) else feats[-1]
    assert not feats.requires_grad


@pytest.mark.parametrize('layout', ['bare', 'no_prefix', 'no_dot', 'ddp'])
def test_layouts_of_checkpoints(moco, tmp_path, layout):
    state, init_cfg = moco.state_dict(), {}
    if layout == 'no_dot':
        init_cfg = dict(prefix='backbone')
    elif layout != 'bare':
        dot = 'module.' if layout == 'ddp' else ''
        state = {
            dot + key: value
            for key, value in moco.backbone.state_dict().items()
        }
        init_cfg = dict(prefix=None)
    model = probe(saved(tmp_path, state), **init_cfg)
    assert_same(
        network_state(model.backbone),
        network_state(moco.backbone),
        rtol=0,
        atol=0)


def test_counts_of_batches_may_be_missing(moco, tmp_path):
    state = {
        key: value
        for key, value in moco.state_dict().items()
        if 'num_batches_tracked' not in key
    }
    probe(saved(tmp_path, state))


def vit(img_size, **kwargs):
    return dict(
        BACKBONES['VisionTransformer'][0], img_size=img_size, **kwargs)


def test_position_embeddings_are_resized(tmp_path):
    """The backbone does that as it loads: they fit though their shape does
    not."""
    other = MODELS.build(vit((32, 32)))
    path = saved(tmp_path, other.state_dict())
    init_cfg = dict(type='Pretrained', checkpoint=path)
    model = MODELS.build(
        dict(
            type='LinearProbe',
            backbone=vit((24, 32), init_cfg=init_cfg),
            head=dict(type='LinearClsHead', num_classes=4, in_channels=8)))
    model.init_weights()
    torch.testing.assert_close(model.backbone.cls_token, other.cls_token)


@pytest.mark.parametrize('init_cfg, found', [
    (dict(type='Pretrained', checkpoint='', prefix='backbone.'),
     "'checkpoint': ''"),
    (dict(type='Pretrained', checkpoint=None), "'checkpoint': None"),
    (dict(type='Kaiming', layer='Conv2d'), 'no checkpoint'),
    ([dict(type='Kaiming', layer='Conv2d')], 'no checkpoint'),
])
def test_training_needs_a_checkpoint(init_cfg, found):
    cfg = probe_cfg('')
    cfg.backbone.init_cfg = init_cfg
    model = MODELS.build(cfg)
    with pytest.raises(ValueError, match=f'{found}.*{GIVE_FILE}'):
        model.init_weights()


def test_a_list_with_a_checkpoint(checkpoint):
    cfg = probe_cfg(checkpoint)
    cfg.backbone.init_cfg = [
        dict(type='Kaiming', layer='Conv2d'), cfg.backbone.init_cfg
    ]
    MODELS.build(cfg).init_weights()


def test_a_wrong_prefix(checkpoint):
    with pytest.raises(
            ValueError,
            match=r"prefix 'encoder_q\.'.*it has \['backbone\.bn1\.bias'.*"
            r"wanted are \['encoder_q\.bn1\.bias'"):
        probe(checkpoint, prefix='encoder_q.')


def test_a_checkpoint_of_other_names(moco, tmp_path):
    state = {f'backbone.net.{key}': value
             for key, value in moco.backbone.state_dict().items()}
    with pytest.raises(ValueError, match='no weights of the backbone'):
        probe(saved(tmp_path, state))


@pytest.mark.parametrize('key', [
    'layer4.0.conv1.weight', 'layer4.0.bn1.running_var'
])
def test_missing_weights_and_statistics_are_named(moco, tmp_path, key):
    state = moco.state_dict()
    del state[f'backbone.{key}']
    with pytest.raises(ValueError, match=f"lacks 1 weights.*'{key}'"):
        probe(saved(tmp_path, state))


def test_other_shapes_are_named_and_nothing_is_loaded(moco, tmp_path):
    state = moco.state_dict()
    key = 'backbone.layer2.0.bn1.running_mean'
    state[key] = torch.zeros(3)
    model = MODELS.build(probe_cfg(saved(tmp_path, state)))
    before = network_state(model)
    with pytest.raises(
            ValueError, match=r'1 weights.*layer2\.0\.bn1\.running_mean'):
        model.init_weights()
    assert_same(network_state(model), before, rtol=0, atol=0)
