"""The parts of a training step, measured while an algorithm makes it."""
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator

from step_setup import Step

from samix_mm.models import Mixture

#: Methods of an algorithm that do a part of the step.
ALGORITHM = dict(
    features_of='momentum clean',
    momentum_view='momentum clean',
    momentum_loss='momentum mixed',
    clean_losses='online clean',
    online_losses='online mixed',
    update_momentum_net='EMA')
#: Parts with a backward pass, which comes after the method has returned.
DIFFERENTIATED = ('momentum mixed', 'online clean', 'online mixed')


class Meter:
    """Splits what a number grows by among parts.

    Args:
        read (Callable): Gives the number, such as the time.

    Attributes:
        spent (Dict[str, float]): What each part has cost, without the parts
            inside it; 'rest' is what belongs to none.
        differentiated (str): The part whose backward pass comes next.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self.spent: Dict[str, float] = defaultdict(float)
        self.differentiated = 'rest'
        self._read, self._last = read, read()
        self._parts = ['rest']

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count for a part what happens inside."""
        self._settle()
        self._parts.append(name)
        try:
            yield
        finally:
            self._settle()
            self._parts.pop()

    def go_on_with(self, name: str) -> None:
        """Count for another part what is left of this one."""
        self._settle()
        self._parts[-1] = name

    def _settle(self) -> None:
        now = self._read()
        self.spent[self._parts[-1]] += now - self._last
        self._last = now


def step_parts(step: Step, read: Callable[[], float]) -> Dict[str, float]:
    """Make a period of training steps and say what their parts cost.

    A backward pass counts for the part whose losses it begins with. Branches
    that cannot be released early are back-propagated with the online network.

    Args:
        step (Step): Steps of an algorithm of this package.
        read (Callable): Gives a number that grows by what is to be split,
            such as the time.

    Returns:
        Dict[str, float]: The mean cost of each part in one step. 'mixing' is
        the method: its masks and, where it has one, its network.
    """
    model, optim_wrapper = step.model, step.optim_wrapper
    meter = Meter(read)
    with ExitStack() as watched:

        def watch(owner: Any, name: str, around: Callable) -> None:
            setattr(owner, name, around(getattr(owner, name)))
            watched.callback(delattr, owner, name)

        for name, part in ALGORITHM.items():
            if hasattr(model, name):
                watch(model, name, _measured(meter, part))
        for name in ('draw', 'mix', 'loss', 'training_mixtures'):
            watch(model.mixing, name, _measured(meter, 'mixing'))
        watch(model, 'begin_step', _measured_branches(meter))
        watch(optim_wrapper, 'backward', _measured_backward(meter))
        watch(optim_wrapper.optimizer, 'step', _measured(meter, 'optimizer'))
        step.eagerly()
    return {part: cost / step.period for part, cost in meter.spent.items()}


def _measured(meter: Meter, part: str) -> Callable[[Callable], Callable]:
    """Count calls of a function for a part."""

    def around(function: Callable) -> Callable:

        def call(*args, **kwargs) -> Any:
            with meter.part(part):
                result = function(*args, **kwargs)
            if part in DIFFERENTIATED:
                meter.differentiated = part
            # Where its gradient arrives, the method's backward pass begins.
            for mixture in args:
                if isinstance(mixture, Mixture) and part == 'momentum mixed':
                    mixture.inputs.register_hook(
                        lambda grad: meter.go_on_with('mixing'))
            return _resumed(meter, part, result) if hasattr(
                result, 'send') else result

        return call

    return around


def _resumed(meter: Meter, part: str, generator: Iterator) -> Iterator:
    """Count what a generator does for a part, not what is done with it."""
    while True:
        with meter.part(part):
            try:
                value = next(generator)
            except StopIteration:
                return
        yield value


def _measured_branches(meter: Meter) -> Callable[[Callable], Callable]:
    """Count the branches that a step releases."""

    def around(begin_step: Callable) -> Callable:

        def call() -> Any:
            branches = begin_step()
            branches.release = _measured_backward(meter)(branches.release)
            return branches

        return call

    return around


def _measured_backward(meter: Meter) -> Callable[[Callable], Callable]:
    """Count a backward pass for the part that it belongs to."""

    def around(function: Callable) -> Callable:

        def call(*args, **kwargs) -> Any:
            with meter.part(meter.differentiated):
                return function(*args, **kwargs)

        return call

    return around
