from contextlib import contextmanager
from typing import Callable, Dict, FrozenSet, Iterator, Optional, Union

import torch
from torch import Tensor, nn

from ..registry import MIXING_METHODS
from ..utils.validation import check_flag, check_part, check_unit_interval
from .encoders import (FeatureNet, MomentumNetwork, find_feature_stage,
                       find_level, forward_to_stage, mixing_inside,
                       sync_if_absent)
from .mixing import MixingMethod, Mixture, Sources
from .mixing.method import Objective
from .mixing.random_stream import settle_streams
from .train_step.branch_backward import BranchBackward
from .train_step.guarded_step import GuardedStepMixin

#: Arguments that belong to the mixing method.
METHOD_ARGUMENTS = ('mixer', 'alpha', 'eta', 'lam_margin', 'lam_per_sample',
                    'lam_adjust', 'mixer_weight', 'mixer_batch_ratio',
                    'mixer_interval', 'mask_loss', 'mask_loss_weight')


class MixingAlgorithm(GuardedStepMixin):
    """What algorithms with a mixing method share, with labels or without.

    They have the method (``mixing``), the momentum network (``momentum_net``)
    where there is one, and what gives features to a method that needs them.
    Which network is trained with what is the algorithm's own.

    ``momentum`` and ``end_momentum`` are public: a hook reads them.
    """

    #: What of :class:`Sources` the algorithm can give a method.
    gives: FrozenSet[str] = frozenset({'features', 'labels'})
    #: Of how many sources its mixed images may be; None for any number.
    num_sources: Optional[FrozenSet[int]] = None

    def init_mixing(self, mixing: Union[dict, MixingMethod],
                    online: Dict[str, Optional[nn.Module]],
                    momentum_net: bool, momentum: float, end_momentum: float,
                    feature_stage: Optional[int],
                    feature_net: Optional[Union[dict, nn.Module]]) -> None:
        """Build the parts; the algorithm's docstring explains its arguments.

        Args:
            online (Dict[str, nn.Module | None]): The modules that the
                momentum network copies, by their names in the algorithm.
                ``backbone`` is one of them.

        Raises:
            TypeError: If ``mixing`` or ``feature_net`` is no config.
            ValueError: If an argument is out of its range, or the method
                needs what the algorithm cannot give.
        """
        self.momentum = check_unit_interval('momentum', momentum)
        self.end_momentum = check_unit_interval('end_momentum', end_momentum)
        check_part('mixing', mixing, "dict(type='SAMix')")
        self.mixing = (
            mixing if isinstance(mixing, MixingMethod) else
            MIXING_METHODS.build(mixing))
        needs, name = self.mixing.needs, type(self.mixing).__name__
        if needs - self.gives:
            raise ValueError(
                f'{name} needs {sorted(needs - self.gives)}, which '
                f'{type(self).__name__} cannot give; choose another method')
        if (self.num_sources is not None
                and self.mixing.num_sources - self.num_sources):
            raise ValueError(
                f'{type(self).__name__} mixes {_either(self.num_sources)} '
                f'images, but {name} {_either(self.mixing.num_sources)}; '
                'choose another method')
        if feature_net is not None and 'features' not in needs:
            raise ValueError(
                f'feature_net gives features, but {name} works without; leave '
                "it out or write mixing=dict(type='SAMix')")
        self.feature_net = self.feature_stage = None
        if 'features' in needs and feature_net is not None:
            self.feature_net = FeatureNet(feature_net, feature_stage)
            self.mixing.set_in_channels(
                self.feature_net.feature_stage.channels)
        elif 'features' in needs:
            self.feature_stage = find_feature_stage(online['backbone'],
                                                    feature_stage)
            self.mixing.set_in_channels(self.feature_stage.channels)
        self.mixing_stages = {
            level: find_level(online['backbone'], level)
            for level in self.mixing.levels if level > 0
        }
        self.momentum_net = None
        if (check_flag('momentum_net', momentum_net) or self.mixing.learns
                or self.feature_stage is not None):
            self.momentum_net = MomentumNetwork(**online)
            self.register_load_state_dict_post_hook(sync_if_absent)
        self.init_guard()

    def init_weights(self) -> None:
        """Initialize the weights; the momentum network starts as a copy of
        the online one."""
        first = not self.is_init
        cfgs = self.init_cfg or []
        cfgs = [cfgs] if isinstance(cfgs, dict) else cfgs
        super().init_weights()
        # A checkpoint for the whole model has its own momentum network.
        if (self.momentum_net is not None and first
                and all(cfg['type'] != 'Pretrained' for cfg in cfgs)):
            self.momentum_net.sync(self)

    @torch.no_grad()
    def features_of(self, images: Tensor) -> Tensor:
        """Step 1: the feature maps that the mixing method works on.

        Args:
            images (Tensor): Shape (N, 3, H, W).

        Returns:
            Tensor: Of the momentum network or of ``feature_net``, without
            gradient, (N, C, h, w).
        """
        if self.feature_net is not None:
            return self.feature_net(images)
        return forward_to_stage(self.momentum_net.backbone,
                                self.feature_stage, images)

    def mixing_losses(self, step: BranchBackward, sources: Sources,
                      objective: Objective) -> Dict[str, Tensor]:
        """Steps 2 and 3 of a method that learns: its own losses, each
        back-propagated at once.

        Args:
            step (BranchBackward): The step's.
            sources (Sources): What the method may look at.
            objective (Callable): ``objective(mixture, eta)`` is the
                algorithm's loss through the momentum network.

        Returns:
            Dict[str, Tensor]: Empty for a method that learns nothing in this
            step.
        """
        settle_streams(self.mixing)
        losses: Dict[str, Tensor] = {}
        for mixture in self.mixing.training_mixtures(sources):
            losses.update(
                step.release(self.mixing.loss(mixture, objective)))
        return losses

    @contextmanager
    def mixing_inside(self, mixture: Mixture) -> Iterator[Tensor]:
        """Inputs (M', 3, H, W) for the online network, which mixes them on
        the way if the mixture says so."""
        with mixing_inside(self.backbone, mixture,
                           self.mixing_stages) as inputs:
            yield inputs

    def describe_step(self) -> str:
        """The ratios of the last step, for messages."""
        lams = ' and '.join(map(str, self.mixing.last_lams()))
        return f' with lam = {lams}' if lams else ''

    def require_momentum_updates(self) -> None:
        """Complain about a training that does not update the momentum
        network.

        Raises:
            RuntimeError: If there is one and nobody updates it.
        """
        if self.momentum_net is not None:
            self.momentum_net.require_updates()

    def update_momentum_net(self, momentum: float) -> None:
        """Step 4: after the optimizer's step, the momentum network, where
        there is one, follows (Eq. 12).

        Args:
            momentum (float): Weight kept by it, in [0, 1].
        """
        if self.momentum_net is not None:
            self.momentum_net.update(self, momentum)
        self.mixing.after_optimizer_step()


def _either(numbers: FrozenSet[int]) -> str:
    """Numbers in words such as "1 or 2"."""
    return ' or '.join(map(str, sorted(numbers)))


def refuse_unknown(name: str, unknown: dict,
                   moved: Dict[str, Callable[[object], str]]) -> None:
    """Refuse arguments that an algorithm does not have.

    Args:
        name (str): The algorithm.
        unknown (dict): The arguments.
        moved (Dict[str, Callable]): For an argument that earlier versions
            had, what to write instead of its value.

    Raises:
        TypeError: If there are any.
    """
    for key, value in unknown.items():
        if key in METHOD_ARGUMENTS:
            raise TypeError(
                f'{key} is an argument of the mixing method; write '
                f'{_as_mixing(key, value)} in place of {key}={value!r} in '
                f'{name}')
        if key in moved:
            raise TypeError(f'{name} has no {key}; write '
                            f'{moved[key](value)} in its place')
        raise TypeError(f'{name} got an unexpected argument {key}={value!r}')


def _as_mixing(key: str, value: object) -> str:
    """What to write for an argument of the mixing method."""
    if key == 'mixer' and isinstance(value, dict):
        kind, args = value.get('type'), dict(value)
        if isinstance(kind, str) and kind in MIXING_METHODS:
            return f'mixing={value!r}'
        if 'frozen' in args:
            return (f"mixing=dict(type='SAMix', frozen={args.pop('frozen')!r},"
                    f' mixer={args!r})')
    return f"mixing=dict(type='SAMix', {key}={value!r})"
