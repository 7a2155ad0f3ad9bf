"""Two training steps of small models, in numbers that outlive a refactoring.

``tests/data/recorded_steps.json`` holds what the code of one commit computed.
Later code must compute the same from the same ratios, partners and weights,
whatever its names are: :data:`CASES`, :data:`ROLES`, :data:`LOG_NAMES` and
:class:`Draws` are all that knows them. To record anew, with the code of a
commit on the path::

    python -m tests.helpers.recorded_step COMMIT
"""
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple
from unittest import mock
from zlib import crc32

import numpy as np
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

import samix_mm  # noqa: F401
from samix_mm.models.mixing.pairing import Pairing

PATH = Path(__file__).parents[1] / 'data' / 'recorded_steps.json'
NUM_STEPS, NUM_IMAGES, SIZE = 2, 6, (12, 12)
NUM_CLASSES, FEAT_DIM, MEMORY = 4, 6, 16

RESNET = dict(
    type='ResNet_CIFAR',
    depth=18,
    stem_channels=4,
    base_channels=4,
    num_stages=2,
    strides=(1, 2),
    dilations=(1, 1),
    out_indices=(1, ))
VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16),
    img_size=SIZE,
    patch_size=3)


def classifier(head: Optional[dict] = None, **kwargs) -> dict:
    head = dict(head or {}, num_classes=NUM_CLASSES, in_channels=8)
    return {
        'type': 'SAMixClassifier',
        'backbone': RESNET,
        'neck': dict(type='GlobalAveragePooling'),
        'head': dict(dict(type='LinearClsHead'), **head),
        **kwargs
    }


def moco(head: Optional[dict] = None, **kwargs) -> dict:
    head = dict(head or {}, temperature=0.2)
    cross_entropy = dict(type='CrossEntropyLoss')
    return {
        'type':
        'SAMixMoCo',
        'backbone':
        RESNET,
        'neck':
        dict(
            type='MoCoV2Neck',
            in_channels=8,
            hid_channels=8,
            out_channels=FEAT_DIM),
        'head':
        dict(dict(type='ContrastiveHead', loss=cross_entropy), **head),
        'queue_len':
        10,
        'feat_dim':
        FEAT_DIM,
        **kwargs
    }


def samix(**kwargs) -> dict:
    return dict(type='SAMix', **kwargs)


CASES = {
    'classifier':
    classifier(),
    'classifier, eta and parts of the batch':
    classifier(
        mixing=samix(eta=0.1, lam_per_sample=True, mixer_batch_ratio=0.5),
        mix_batch_ratio=0.5),
    'classifier, extreme ratios':
    classifier(mixing=samix(lam_margin=0.3, lam_per_sample=True)),
    'classifier, weights and masks as they are':
    classifier(
        mixing=samix(
            lam_adjust=False,
            alpha=0.5,
            mixer_weight=0.7,
            mask_loss_weight=0.3,
            mask_loss=dict(type='MaskLoss', margin=0.02,
                           variance_weight=1.5)),
        clean_weight=0.5,
        mix_weight=2.),
    'classifier, mixed loss alone':
    classifier(clean_weight=0.),
    'classifier, every other step':
    classifier(mixing=samix(mixer_interval=2)),
    'classifier, other Mixer':
    classifier(
        mixing=samix(
            mixer=dict(
                type='Mixer',
                reduction=1,
                dropout=0.,
                share_qk=True,
                learn_gamma=False,
                upsample='nearest',
                nonlinear_content=False))),
    'classifier, balanced head':
    classifier(head=dict(type='EtaBalancedClsHead', eta=0.3)),
    'classifier, transformer':
    classifier(backbone=VIT, neck=None),
    'classifier, MixUp':
    classifier(mixing=dict(type='MixUp', alpha=2.), momentum_net=True),
    'classifier, CutMix':
    classifier(mixing=dict(type='CutMix', alpha=2.), momentum_net=True),
    'MoCo':
    moco(),
    'MoCo, clusters':
    moco(objective=dict(type='ClusterObjective', num_clusters=NUM_CLASSES)),
    'MoCo, same view, parts of the batch':
    moco(
        mixing=samix(eta=0.1, lam_per_sample=True, mixer_batch_ratio=0.5),
        views='same'),
    'MoCo, balanced head':
    moco(head=dict(type='EtaBalancedContrastiveHead', eta=0.3)),
    'MoCo, CutMix':
    moco(mixing=dict(type='CutMix', alpha=2., lam_per_sample=True)),
}
#: Cases whose method draws once a step; the recorded code drew twice.
DRAW_ONCE = [name for name in CASES if name.endswith(('MixUp', 'CutMix'))]
#: Beginnings of the names of parameters and buffers in the code, and the
#: roles by which their values are chosen and recorded.
ROLES = {
    'backbone.': 'online.backbone.',
    'neck.': 'online.neck.',
    'head.': 'online.head.',
    'clean_head.': 'online.clean_head.',
    'momentum_net.': 'momentum.',
    'mixing.mixer.': 'mixer.',
    'objective.cluster_head.': 'cluster_head.',
    'objective.clusters.': 'clusters.',
    'queue': 'queue',
}
#: Names of scalars in the log, where they are not those of the file.
LOG_NAMES = dict(loss_clean='loss_onehot')


class Draws:
    """The ratios and partners of a model, recorded or given.

    Attributes:
        steps (List[dict]): For each step the ``mixer`` and ``online`` pairs,
            in this order, and the centres of CutMix' boxes.
    """

    def __init__(self, model: nn.Module, given: Optional[List[dict]]) -> None:
        self.steps: List[dict] = []
        self.given = given
        self.learns = model.mixing.learns
        self._draw = model.mixing.pairings.draw
        model.mixing.pairings.draw = self.draw_pair
        centres = getattr(model.mixing, 'centres', None)
        if centres is not None:
            centres.current = partial(self.generator, centres.current)

    def begin_step(self) -> None:
        self.steps.append({})

    def draw_pair(self, num: int, device: torch.device) -> Pairing:
        first = self.learns and 'mixer' not in self.steps[-1]
        role = 'mixer' if first else 'online'
        pair = self._draw(num, device)
        if self.given is not None:
            lam, index = self.given[len(self.steps) - 1][role]
            lam = torch.tensor(lam) if isinstance(lam, list) else lam
            pair = Pairing(lam, torch.tensor(index))
        lam = pair.lam.tolist() if torch.is_tensor(pair.lam) else pair.lam
        self.steps[-1][role] = [lam, pair.index.tolist()]
        return pair

    def generator(self, current) -> mock.Mock:
        """A generator whose numbers are recorded, or given."""

        def random(shape: Tuple[int, ...]) -> np.ndarray:
            numbers = current().random(shape)
            if self.given is not None:
                numbers = np.array(self.given[len(self.steps) - 1]['centres'])
            self.steps[-1]['centres'] = numbers.tolist()
            return numbers

        return mock.Mock(random=random)


def run(cfg: dict, given: Optional[List[dict]] = None) -> Dict[str, Any]:
    """Train a model of :data:`CASES` for two steps.

    Args:
        cfg (dict): Its config.
        given (List[dict], optional): Ratios and partners to be used, the
            ``draws`` of another run. Defaults to None.

    Returns:
        Dict[str, Any]: ``draws``, ``losses`` and ``gradients`` of each step,
        and the ``state`` of the momentum network and of all buffers after
        the last one.
    """
    torch.manual_seed(0)
    model = MODELS.build(cfg).double()
    fill(model)
    if getattr(model, 'clusters', None) is not None:
        start_clusters(model.clusters.float())
    model.train()
    draws = Draws(model, given)
    params = [param for param in model.parameters() if param.requires_grad]
    optimizer = torch.optim.SGD(params, lr=0.05, momentum=0.9)
    result: Dict[str, Any] = dict(losses=[], gradients=[])
    with mock.patch('torch.nn.functional.dropout', dropout):
        for step in range(NUM_STEPS):
            draws.begin_step()
            loss, log_vars = model.parse_losses(model.loss(*batch(cfg, step)))
            optimizer.zero_grad()
            loss.backward()
            result['losses'].append({
                LOG_NAMES.get(name, name): rounded(value.detach())
                for name, value in log_vars.items()
            })
            result['gradients'].append(
                fingerprints((name, param.grad)
                             for name, param in model.named_parameters()
                             if param.grad is not None))
            optimizer.step()
            model.update_momentum_net(0.9)
    state = dict(model.named_buffers())
    state.update((name, param) for name, param in model.named_parameters()
                 if role_of(name).startswith('momentum.'))
    return dict(
        result,
        draws=draws.steps,
        state=fingerprints(state.items(), by_module=True))


def role_of(name: str) -> str:
    """The role of a parameter or buffer."""
    for prefix in sorted(ROLES, key=len, reverse=True):
        if name.startswith(prefix):
            return ROLES[prefix] + name[len(prefix):]
    raise LookupError(f'no role for {name}; add its beginning to ROLES')


def normal(role: str, shape: Iterable[int]) -> Tensor:
    """Numbers that depend on a role and a shape, not on an order."""
    return torch.from_numpy(
        np.random.RandomState(crc32(role.encode())).standard_normal(
            tuple(shape)))


@torch.no_grad()
def fill(model: nn.Module) -> None:
    """Give all parameters, and the queue, values that go by their roles."""
    for name, param in model.named_parameters():
        values = normal(role_of(name), param.shape)
        if name.endswith('gamma'):
            values = torch.full_like(values, 0.4)
        elif name.endswith('bias'):
            values *= 0.1
        elif param.ndim == 1:
            values = 1 + 0.1 * values
        else:
            values *= (2 / param[0].numel())**0.5
        param.copy_(values)
    for name, buffer in model.named_buffers():
        if role_of(name) == 'queue':
            buffer.copy_(nn.functional.normalize(
                normal('queue', buffer.shape), dim=0))


def start_clusters(clusters: nn.Module) -> None:
    """Clusters of 16 images that no k-means decides about."""
    clusters.start(normal('memory', (MEMORY, FEAT_DIM)).float())
    clusters.labels.copy_(torch.arange(MEMORY) % NUM_CLASSES)
    clusters.refresh()


def batch(cfg: dict, step: int) -> Tuple[Any, List[DataSample]]:
    """Images, or two views, and their data samples."""
    views = [
        normal(f'view {view} of step {step}', (NUM_IMAGES, 3, *SIZE))
        for view in range(2)
    ]
    samples = [
        DataSample(metainfo=dict(sample_idx=number + step)).set_gt_label(
            (number + step) % NUM_CLASSES) for number in range(NUM_IMAGES)
    ]
    return views if 'queue_len' in cfg else views[0], samples


def dropout(inputs: Tensor,
            p: float = 0.5,
            training: bool = True,
            inplace: bool = False) -> Tensor:
    """What is dropped depends on the shape, not on the calls before."""
    if not (training and p):
        return inputs
    uniform = np.random.RandomState(0).random_sample(tuple(inputs.shape))
    return inputs * torch.from_numpy(uniform >= p) / (1 - p)


def fingerprints(tensors: Iterable[Tuple[str, Tensor]],
                 by_module: bool = False) -> Dict[str, List[float]]:
    """Sum, norm and projection on a random direction, by role; of all
    tensors of a module together, where that is enough."""
    found: Dict[str, np.ndarray] = {}
    for name, tensor in tensors:
        if not tensor.is_floating_point():
            continue
        role, tensor = role_of(name), tensor.detach().double()
        direction = normal(f'{role}, direction', tensor.shape)
        key = role.rpartition('.')[0] if by_module and '.' in role else role
        found[key] = found.get(key, 0) + np.array([
            tensor.sum(), tensor.square().sum(), (tensor * direction).sum()
        ])
    return {
        role: [rounded(total), rounded(square**0.5), rounded(projected)]
        for role, (total, square, projected) in found.items()
    }


def rounded(number: float) -> float:
    return float(f'{float(number):.9g}')


def main(commit: str) -> None:
    """Write what the code on the path computes."""
    lines = [
        f'{json.dumps(name)}: {json.dumps(run(cfg))}'
        for name, cfg in CASES.items()
    ]
    cases = ',\n'.join(lines)
    PATH.write_text(f'{{"commit": "{commit}",\n"cases": {{\n{cases}\n}}}}\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
