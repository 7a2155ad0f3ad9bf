from copy import deepcopy
from typing import Dict, List, Optional, Tuple

import torch
import torch.nn as nn
from mmengine.logging import MessageHub
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ...utils.validation import check_unit_interval


class MomentumNetwork(nn.Module):
    r"""The momentum network k: a copy of online modules that follows them.

    .. math::
        \theta_k \leftarrow m \theta_k + (1 - m) \theta_q \quad (Eq. 12)

    ``momentum`` is the weight *kept* by the copy, which is the paper's
    convention; MMEngine's averaged models mean the opposite. Only parameters
    follow: the copy collects BN statistics of its own. Its parameters require
    no gradient, so that back-propagation passes through its activations
    only.

    Args:
        **modules (nn.Module | None): The online modules by name. The copies
            are attributes of the same names; None is left out.
    """

    def __init__(self, **modules: Optional[nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            copy = deepcopy(module)
            self.add_module(
                name, None if copy is None else copy.requires_grad_(False))
        #: The weight kept in the last update; None before the first.
        self.momentum: Optional[float] = None
        self._scheduled = False
        self._last_iter: Optional[int] = None

    @torch.no_grad()
    def update(self, online: nn.Module, momentum: float) -> None:
        """Let the copy follow (Eq. 12).

        Args:
            online (nn.Module): The module which has the copied ones as
                attributes.
            momentum (float): Weight kept by the copy, in [0, 1].

        Raises:
            ValueError: If ``momentum`` is outside [0, 1].
        """
        self.momentum = check_unit_interval('momentum', momentum)
        copies, sources = self._parameter_pairs(online)
        get_ema_multi_avg_fn(momentum)(copies, sources, None)

    @torch.no_grad()
    def sync(self, online: nn.Module) -> None:
        """Copy parameters and buffers as they are.

        Args:
            online (nn.Module): The module which has the copied ones as
                attributes.
        """
        for name, module in self.named_children():
            module.load_state_dict(getattr(online, name).state_dict())

    def expect_updates(self) -> None:
        """Promise that somebody will call :meth:`update` during training."""
        self._scheduled = True

    def require_updates(self) -> None:
        """Complain if a training loop goes on without updating the copy.

        Called once a training step. Outside MMEngine's training loop nothing
        is demanded.

        Raises:
            RuntimeError: If the loop of a runner is in its second iteration
                and nobody has promised updates.
        """
        if self._scheduled:
            return
        # A finished run leaves its iteration behind: only a loop that has
        # advanced since the last step is a living one.
        iteration = MessageHub.get_current_instance().get_info('iter')
        if self._last_iter is not None and iteration == self._last_iter + 1:
            raise RuntimeError(
                'the momentum network is not updated in this training; add '
                "custom_hooks = [dict(type='EMAMomentumHook')] to the config")
        self._last_iter = iteration

    def _parameter_pairs(
            self, online: nn.Module) -> Tuple[List[nn.Parameter], List]:
        pairs: Dict[nn.Parameter, nn.Parameter] = {}
        for name, module in self.named_children():
            sources = dict(getattr(online, name).named_parameters())
            for key, copy in module.named_parameters():
                pairs[copy] = sources[key]
        return list(pairs), list(pairs.values())


def sync_if_absent(algorithm: nn.Module, incompatible_keys) -> None:
    """Start the momentum network from what the algorithm has loaded, if the
    checkpoint had nothing for it, as a plain classifier's has not.

    To be registered with ``register_load_state_dict_post_hook``. It is given
    the module that loads, so that a copy of an algorithm keeps to itself.

    Args:
        algorithm (nn.Module): With the network as its ``momentum_net``.
        incompatible_keys (NamedTuple): What was missing; the momentum
            network's keys are taken off the list.
    """
    prefix, missing = 'momentum_net.', incompatible_keys.missing_keys
    weights = {
        prefix + name
        for name, _ in algorithm.momentum_net.named_parameters()
    }
    if weights.issubset(missing):
        algorithm.momentum_net.sync(algorithm)
        missing[:] = [key for key in missing if not key.startswith(prefix)]
