"""All mixing methods, and what they may look at."""
import inspect

import torch
import torch.nn.functional as F

from samix_mm.models import Sources
from samix_mm.registry import MIXING_METHODS

#: Channels of the features in :func:`sources_of`.
CHANNELS = 12
#: What a method must be told, or is told so that it does not use the global
#: random state.
ARGUMENTS = dict(
    RandomChoice=dict(
        methods=[dict(type='FMix'), dict(type='MixUp', alpha=0.2)]),
    SAMix=dict(mixer=dict(type='Mixer', dropout=0.)))
#: Names of the package's methods; tests register some of their own.
METHODS = sorted(
    name for name, kind in MIXING_METHODS.module_dict.items()
    if kind.__module__.startswith('samix_mm.'))


def method_cfg(name, **kwargs):
    """A config of a method."""
    return dict(ARGUMENTS.get(name, {}), type=name, **kwargs)


def takes(name, argument):
    """Whether a method has an argument."""
    kind = MIXING_METHODS.get(name)
    return argument in inspect.signature(kind.__init__).parameters


def build_method(name, **kwargs):
    """A method that is ready for :func:`sources_of`, from the same seed."""
    torch.manual_seed(0)
    method = MIXING_METHODS.build(method_cfg(name, **kwargs))
    method.set_in_channels(CHANNELS)
    method.init_weights()
    return method


def sources_of(images, partners=None):
    """Images with all that a method could ask for."""
    both = [images, images if partners is None else partners]
    return Sources(
        images,
        partners,
        labels=torch.arange(len(images), device=images.device) % 3,
        features=lambda: tuple(
            F.adaptive_avg_pool2d(part.detach().float(), (4, 5)).repeat(
                1, CHANNELS // 3, 1, 1) for part in both),
        saliency=lambda: tuple(
            part.detach().float().abs().mean(dim=1) for part in both),
        scores=lambda mixed: mixed.float().mean(dim=(2, 3)))


def noise_images(num=5, size=(13, 9), seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 3, *size, generator=generator).to(dtype)


def mix(method, images, partners=None):
    """Draw and mix."""
    pairing = method.draw(len(images), images.device)
    return method.mix(sources_of(images, partners), pairing)


def same_mixtures(left, right):
    """Whether two mixtures are equal, bit for bit."""
    return all(
        torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else
        mine == theirs for mine, theirs in zip(left, right))
