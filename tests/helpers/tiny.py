"""Tiny models, batches and runs that the tests share."""
from itertools import count

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

import samix_mm  # noqa: F401

NUM_CLASSES = 4
#: Names of runs: one of the same name would get the log of the other.
RUNS = count()
GAP = dict(type='GlobalAveragePooling')
CONVNEXT_ARCH = dict(depths=[1, 1, 1, 1], channels=[4, 8, 16, 32])
REGNET_ARCH = dict(w0=8, wa=8., wm=2., depth=6, group_w=4, bot_mul=1.)
SWIN_ARCH = dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])


def vit_arch(num_layers):
    return dict(
        embed_dims=8,
        num_layers=num_layers,
        num_heads=2,
        feedforward_channels=16)


#: Backbone, channels of its output, image size, whether a neck pools it.
BACKBONES = dict(
    ResNet=(dict(type='ResNet', depth=18, stem_channels=4, base_channels=4),
            32, (63, 61), True),
    ResNet_CIFAR=(dict(
        type='ResNet_CIFAR', depth=18, stem_channels=4, base_channels=4), 32,
                  (31, 29), True),
    ResNeXt=(dict(
        type='ResNeXt',
        depth=50,
        groups=2,
        width_per_group=2,
        stem_channels=8,
        base_channels=8), 256, (63, 61), True),
    SEResNet=(dict(
        type='SEResNet',
        depth=50,
        se_ratio=4,
        stem_channels=4,
        base_channels=4), 128, (63, 61), True),
    RegNet=(dict(type='RegNet', arch=REGNET_ARCH), 64, (63, 61), True),
    MobileNetV3=(dict(type='MobileNetV3', arch='small_050'), 288, (63, 61),
                 True),
    ConvNeXt=(dict(type='ConvNeXt', arch=CONVNEXT_ARCH), 32, (63, 61), False),
    Swin=(dict(
        type='SwinTransformer', arch=SWIN_ARCH, img_size=64, window_size=2),
          64, (64, 64), True),
    VisionTransformer=(dict(
        type='VisionTransformer',
        arch=vit_arch(4),
        img_size=(24, 32),
        patch_size=8), 8, (24, 32), False),
    DeiT=(dict(
        type='VisionTransformer',
        arch=vit_arch(12),
        img_size=(24, 32),
        patch_size=8), 8, (24, 32), False),
)


def model_cfg(name='ResNet_CIFAR', head=None, **kwargs):
    """Config of a ``SAMixClassifier`` on one of :data:`BACKBONES`, or of
    another ``type``."""
    backbone, channels, _, pooled = BACKBONES[name]
    head = dict(dict(type='LinearClsHead'), **(head or {}))
    cfg = dict(
        type='SAMixClassifier',
        backbone=dict(backbone),
        neck=GAP if pooled else None,
        head=dict(head, num_classes=NUM_CLASSES, in_channels=channels))
    cfg.update(kwargs)
    return cfg


def build(*args, **kwargs):
    """Build and initialise a model of :func:`model_cfg`."""
    model = MODELS.build(model_cfg(*args, **kwargs))
    model.init_weights()
    return model


def stock_cfg(name='ResNet_CIFAR', head=None):
    """The same network as MMPretrain's own ``ImageClassifier``."""
    return model_cfg(name, head, type='ImageClassifier')


def batch(num_images=5, size=(31, 29), seed=0):
    """Images and labels, as the model gets them."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(num_images, 3, *size, generator=generator)
    labels = torch.arange(num_images) % NUM_CLASSES
    return inputs, labels, samples(labels)


def samples(labels):
    return [DataSample().set_gt_label(int(label)) for label in labels]


def sgd(model, lr=0.01):
    params = [param for param in model.parameters() if param.requires_grad]
    return OptimWrapper(torch.optim.SGD(params, lr=lr, momentum=0.9))


def network_state(module):
    """A copy of all parameters and buffers."""
    return {
        key: value.detach().clone()
        for key, value in module.state_dict().items()
        if torch.is_tensor(value)
    }


def online_state(model):
    """What the momentum network follows, by its names there."""
    return {
        key: param.detach().clone()
        for key, param in model.named_parameters()
        if key.split('.')[0] in ('backbone', 'neck', 'head', 'clean_head')
    }


def momentum_params(model):
    """The momentum network's parameters; nothing where there is none."""
    if model.momentum_net is None:
        return {}
    return {
        key: param.detach().clone()
        for key, param in model.momentum_net.named_parameters()
    }


def assert_same(left, right, **tolerance):
    assert left.keys() == right.keys()
    for key in left:
        torch.testing.assert_close(
            left[key], right[key], **tolerance, msg=lambda m, k=key:
            f'{k}: {m}')


def separate(model):
    """Give every part weights of its own."""
    for index, (name, param) in enumerate(model.named_parameters()):
        generator = torch.Generator().manual_seed(index)
        noise = torch.randn(param.shape, generator=generator)
        if not name.endswith('gamma'):
            param.data += 0.1 * noise
    return model


def fix_pairings(model, *pairings):
    """Let the method draw these, the Mixer's before the online one."""
    pairings = list(pairings)
    model.mixing.pairings.draw = lambda num, device: pairings.pop(0)


class TinyImages(Dataset):
    """Noise of a few classes, uint8, with the labels' colours in it."""

    metainfo = dict(classes=tuple('abcd'))

    def __init__(self, num_images=8, size=(9, 11)):
        generator = torch.Generator().manual_seed(7)
        self.labels = torch.arange(num_images) % NUM_CLASSES
        noise = torch.randint(
            0, 100, (num_images, 3, *size), generator=generator)
        self.images = (noise + 50 * self.labels.view(-1, 1, 1, 1)).byte()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return dict(
            inputs=self.images[idx],
            data_samples=DataSample().set_gt_label(int(self.labels[idx])))


def loader(num_images=8, batch_size=3, shuffle=False, **kwargs):
    return dict(
        dataset=TinyImages(num_images),
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=shuffle, seed=0),
        **kwargs)


def make_runner(work_dir,
                model=None,
                hooks=(dict(type='EMAMomentumHook'), ),
                max_epochs=2,
                dataloader=None,
                seed=0,
                **kwargs):
    """A runner of the tiny data set: 3 iterations an epoch by default."""
    cfg = dict(
        model=model or dict(
            model_cfg(),
            data_preprocessor=dict(
                mean=[127., 120., 110.], std=[60., 50., 40.])),
        work_dir=str(work_dir),
        train_dataloader=dataloader or loader(),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        custom_hooks=list(hooks),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        default_scope='mmpretrain',
        experiment_name=f'run_{next(RUNS)}',
        randomness=dict(seed=seed),
        log_level='ERROR')
    cfg.update(kwargs)
    return Runner(**cfg)


class Recorder(Hook):
    """Keeps what a run does, iteration by iteration."""

    priority = 'LOWEST'

    def __init__(self):
        self.online, self.momentum_net, self.pairings = [], [], []

    def before_train(self, runner):
        model = runner.model
        self.first = momentum_params(model)
        draw = model.mixing.pairings.draw

        def recorded(*args):
            self.pairings.append(draw(*args))
            return self.pairings[-1]

        model.mixing.pairings.draw = recorded

    def after_train_iter(self, runner, *args, **kwargs):
        self.online.append(online_state(runner.model))
        self.momentum_net.append(momentum_params(runner.model))
