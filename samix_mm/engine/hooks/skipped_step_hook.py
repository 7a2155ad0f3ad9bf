from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.unwrapping import unwrap
from ...utils.validation import check_count

ADVICE = ('lower the learning rate, clip gradients with '
          'optim_wrapper.clip_grad, look for NaN in the images or, in fp16, '
          'train with --amp, which scales the loss')


@HOOKS.register_module()
class SkippedStepHook(Hook):
    """Keep numbers that are not finite out of checkpoints.

    An algorithm skips steps whose losses or gradients are not finite, and
    stops after too many in a row. With this hook training does not start from
    weights that are not finite, does not save them, and does not end with a
    skipped step as if nothing had happened.

    Args:
        max_skipped (int): How many steps in a row may be skipped before
            training stops. Defaults to 10.

    Raises:
        ValueError: If ``max_skipped`` is negative or not whole.
    """

    priority = 'NORMAL'

    def __init__(self, max_skipped: int = 10) -> None:
        self.max_skipped = check_count('max_skipped', max_skipped, least=0)

    def before_train(self, runner: Runner) -> None:
        """Tell the model its limit.

        Raises:
            TypeError: If the model does not skip steps.
            FloatingPointError: If a weight is not finite.
        """
        model = unwrap(runner.model)
        if not hasattr(model, 'skipped_steps'):
            raise TypeError(
                'SkippedStepHook needs an algorithm that mixes images such as '
                f'MixClassifier, got {type(model).__name__}; remove the hook')
        model.max_skipped = self.max_skipped
        _check_weights(model, 'at the start of training',
                       'start from another checkpoint')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let no checkpoint of no use take the place of a good one.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        _check_weights(
            unwrap(runner.model),
            f'after {checkpoint["meta"]["iter"]} iterations',
            f'this checkpoint is not saved; {ADVICE}')

    def after_train(self, runner: Runner) -> None:
        """See how training has ended.

        Raises:
            FloatingPointError: If its last steps were skipped.
        """
        model = unwrap(runner.model)
        if model.skipped_steps:
            raise FloatingPointError(
                'training ended without a step of the optimizer in its last '
                f'{model.skipped_steps} iterations: {model.skip_message}; the '
                'weights are those of before. Repeat these with --resume, or '
                f'{ADVICE}')


def _check_weights(model: Any, when: str, advice: str) -> None:
    bad = model.bad_weights()
    if bad:
        raise FloatingPointError(
            f'weights are not finite {when} ({bad}); {advice}')
