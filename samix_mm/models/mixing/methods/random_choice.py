from typing import Dict, List, NamedTuple, Optional, Sequence, Union

import torch
from torch import nn

from ....registry import MIXING_METHODS
from ....utils.lam import Lam
from ....utils.validation import is_number
from ..method import MixingMethod
from ..mixture import Mixture
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources


class ChosenPairing(NamedTuple):
    """A :class:`Pairing` that remembers which method has drawn it.

    Attributes:
        lam (float | Tensor): As in :class:`Pairing`.
        index (Tensor): As in :class:`Pairing`.
        method (int): Number of the method.
    """
    lam: Lam
    index: torch.Tensor
    method: int


@MIXING_METHODS.register_module()
class RandomChoice(MixingMethod):
    """One of several methods for each batch, each with its own ratios.

    Args:
        methods (List[dict]): Configs of mixing methods. None of them may
            learn: its losses would be there in some steps only.
        probs (Sequence[float], optional): How often each one is chosen; they
            sum to 1. None chooses all equally often. Defaults to None.

    Raises:
        TypeError: If ``methods`` is no list of configs.
        ValueError: If there is no method, one learns, or ``probs`` do not fit
            them.

    Examples:
        >>> from samix_mm.registry import MIXING_METHODS
        >>> method = MIXING_METHODS.build(dict(
        ...     type='RandomChoice', probs=[0.7, 0.3],
        ...     methods=[dict(type='MixUp', alpha=0.8), dict(type='CutMix')]))
    """

    def __init__(self,
                 methods: List[Union[dict, MixingMethod]],
                 probs: Optional[Sequence[float]] = None) -> None:
        super().__init__()
        if not isinstance(methods, (list, tuple)) or not methods:
            raise ValueError(
                'methods must be a list of mixing methods such as '
                f"[dict(type='MixUp'), dict(type='CutMix')], got {methods!r}")
        self.methods = nn.ModuleList(
            method if isinstance(method, MixingMethod) else
            MIXING_METHODS.build(method) for method in methods)
        for method in self.methods:
            if method.learns:
                raise ValueError(
                    f'{type(method).__name__} learns and cannot be one of '
                    "RandomChoice's methods; use it alone, or frozen")
        self.probs = _check_probs(probs, len(methods))
        self.choices = RandomStream(5)

    @property
    def needs(self) -> frozenset:
        """What any of the methods asks for."""
        return frozenset().union(*(method.needs for method in self.methods))

    @property
    def levels(self) -> frozenset:
        """At which levels any of the methods mixes."""
        return frozenset().union(*(method.levels for method in self.methods))

    def draw(self, num: int, device: torch.device) -> ChosenPairing:
        """Choose a method and let it draw; see :meth:`MixingMethod.draw`."""
        rng = self.choices.current()
        self.choices.advance()
        number = int(rng.choice(len(self.methods), p=self.probs))
        return ChosenPairing(*self.methods[number].draw(num, device), number)

    def mix(self, sources: Sources,
            pairing: Union[ChosenPairing, Pairing]) -> Mixture:
        """See :meth:`MixingMethod.mix`; a pairing that :meth:`draw` has not
        made, for pictures, goes to the first method."""
        method = self.methods[getattr(pairing, 'method', 0)]
        return method.mix(sources, Pairing(pairing.lam, pairing.index))

    def set_in_channels(self, in_channels: int) -> None:
        """Tell the methods that work on features."""
        for method in self.methods:
            if 'features' in method.needs:
                method.set_in_channels(in_channels)

    def last_lams(self) -> List[Lam]:
        """The last ratio of each method."""
        return [lam for method in self.methods for lam in method.last_lams()]

    def log_vars(self) -> Dict[str, torch.Tensor]:
        """What all methods log."""
        return {
            name: value
            for method in self.methods
            for name, value in method.log_vars().items()
        }


def _check_probs(probs: Optional[Sequence[float]],
                 num_methods: int) -> Optional[List[float]]:
    if probs is None:
        return None
    if (not isinstance(probs, (list, tuple)) or len(probs) != num_methods
            or not all(is_number(prob) and prob >= 0 for prob in probs)
            or abs(sum(probs) - 1) > 1e-6):
        raise ValueError(
            f'probs must be {num_methods} numbers of 0 or more, one for each '
            f'method, that sum to 1, got {probs!r}')
    return [prob / sum(probs) for prob in probs]
