from collections import Counter

from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.unwrapping import unwrap
from ..utils.data_checks import check_batches, check_labels


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Say before the first step what would go wrong in a later one."""

    # Before hooks that divide by the number of batches.
    priority = 'ABOVE_NORMAL'

    def before_train(self, runner: Runner) -> None:
        """Check the hooks, the data and the wrapper of the model.

        Raises:
            ValueError: If a hook of this package is there twice, there would
                be no batch or one of a single image, the head has no class
                for a label, or DDP would wait for a Mixer that is not trained
                in each step.
        """
        ours = Counter(
            type(hook).__name__ for hook in runner.hooks
            if type(hook).__module__.startswith(f'{HOOKS.scope}.'))
        for name, number in ours.items():
            if number > 1:
                raise ValueError(f'{name} is in custom_hooks more than once; '
                                 'leave one')
        check_batches(runner.train_dataloader)
        head = getattr(unwrap(runner.model), 'head', None)
        check_labels(runner.train_dataloader.dataset,
                     getattr(head, 'num_classes', None))
        if isinstance(runner.model, MMDistributedDataParallel):
            _check_unused_parameters(runner.model)


def _check_unused_parameters(wrapper: MMDistributedDataParallel) -> None:
    interval = getattr(wrapper.module.mixing, 'mixer_interval', 1)
    if interval > 1 and not wrapper.find_unused_parameters:
        raise ValueError(
            f'mixer_interval={interval} leaves the Mixer without gradients in '
            'most steps, for which several processes would wait; write '
            'find_unused_parameters = True into the config')
