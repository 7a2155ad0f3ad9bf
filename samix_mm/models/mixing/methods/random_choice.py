from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.model import ModuleList
from torch import Tensor

from ....registry import MIXING_METHODS
from ....utils.lam import Lam
from ....utils.validation import is_number
from ..method import MixingMethod
from ..mixture import Mixture
from ..pairing import Pairing
from ..random_stream import RandomStream
from ..sources import Sources

#: Of the stream of choices; those of the methods' streams begin with it.
SALT = 5


class ChosenPairing(Pairing):
    """A pairing that knows which method has drawn it.

    Attributes:
        number (int): Number of the method.
        pairing (Pairing): What the method has drawn.
    """
    number: int
    pairing: Pairing

    @classmethod
    def of(cls, number: int, pairing: Pairing) -> 'ChosenPairing':
        """Remember the method."""
        chosen = cls(pairing.lam, pairing.index)
        chosen.number, chosen.pairing = number, pairing
        return chosen

    def _replace(self, **fields: Any) -> 'ChosenPairing':
        return self.of(self.number, self.pairing._replace(**fields))


@MIXING_METHODS.register_module()
class RandomChoice(MixingMethod):
    """One of several methods for each batch, each with its own ratios.

    Args:
        methods (List[dict]): Configs of mixing methods. None of them may
            learn: its losses would be there in some steps only.
        probs (Sequence[float], optional): How often each one is chosen; they
            sum to 1. None chooses all equally often. Defaults to None.

    Raises:
        TypeError: If one of ``methods`` is no config.
        ValueError: If ``methods`` is no list of at least one, one learns, or
            ``probs`` do not fit them.

    Examples:
        >>> from samix_mm.registry import MIXING_METHODS
        >>> # CutMix with p = 0.5
        >>> method = MIXING_METHODS.build(dict(
        ...     type='RandomChoice', probs=[0.5, 0.5],
        ...     methods=[dict(type='CutMix'), dict(type='Vanilla')]))
    """

    def __init__(self,
                 methods: Sequence[Union[dict, MixingMethod]],
                 probs: Optional[Sequence[float]] = None) -> None:
        super().__init__()
        if not isinstance(methods, (list, tuple)) or not methods:
            raise ValueError(
                'methods must be a list of mixing methods such as '
                f"[dict(type='MixUp'), dict(type='CutMix')], got {methods!r}")
        self.methods = ModuleList(
            method if isinstance(method, MixingMethod) else
            MIXING_METHODS.build(method) for method in methods)
        for number, method in enumerate(self.methods, start=1):
            if method.learns:
                raise ValueError(
                    f'{type(method).__name__} learns and cannot be one of '
                    "RandomChoice's methods; use it alone, or frozen")
            # Two methods must not draw the same numbers.
            for stream in method.modules():
                if isinstance(stream, RandomStream):
                    stream.salt = (SALT, number, *stream.salt)
        self.probs = _check_probs(probs, len(methods))
        self.choices = RandomStream(SALT)
        # Whatever is drawn must find what it needs.
        for name in ('needs', 'levels', 'num_sources'):
            setattr(self, name, frozenset().union(
                *(getattr(method, name) for method in self.methods)))

    def draw(self, num: int, device: torch.device) -> Pairing:
        """Choose a method and let it draw; see :meth:`MixingMethod.draw`."""
        number = self._choose(self.choices.current())
        self.choices.advance()
        return ChosenPairing.of(number, self.methods[number].draw(num, device))

    def mix(self, sources: Sources, pairing: Pairing) -> Mixture:
        """See :meth:`MixingMethod.mix`; a pairing that :meth:`draw` has not
        made, for pictures, goes to the first method."""
        if isinstance(pairing, ChosenPairing):
            return self.methods[pairing.number].mix(sources, pairing.pairing)
        return self.methods[0].mix(sources, pairing)

    def set_in_channels(self, in_channels: int) -> None:
        """Tell the methods that work on features."""
        for method in self.methods:
            if 'features' in method.needs:
                method.set_in_channels(in_channels)

    def after_optimizer_step(self) -> None:
        """Tell all methods."""
        for method in self.methods:
            method.after_optimizer_step()

    def last_lams(self) -> List[Lam]:
        """The last ratio of the method that was chosen last."""
        if not self.choices.num_draws:
            return []
        rng = self.choices.generator_of(self.choices.num_draws - 1)
        return self.methods[self._choose(rng)].last_lams()

    def log_vars(self) -> Dict[str, Tensor]:
        """What all methods log."""
        return {
            name: value
            for method in self.methods
            for name, value in method.log_vars().items()
        }

    def _choose(self, rng: np.random.Generator) -> int:
        """Number of a method."""
        return int(rng.choice(len(self.methods), p=self.probs))


def _check_probs(probs: Optional[Sequence[float]],
                 num_methods: int) -> Optional[List[float]]:
    """Probabilities whose sum is 1 up to the last digit."""
    if probs is None:
        return None
    if (not isinstance(probs, (list, tuple)) or len(probs) != num_methods
            or not all(is_number(prob) and prob >= 0 for prob in probs)
            or not abs(sum(probs) - 1) < 1e-6):
        raise ValueError(
            f'probs must be {num_methods} numbers of 0 or more, one for each '
            f'method, that sum to 1, got {probs!r}')
    return [prob / sum(probs) for prob in probs]
