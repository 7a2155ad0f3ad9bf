from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.unwrapping import unwrap
from ...utils.validation import check_weight
from ..utils.progress import progress_of


@HOOKS.register_module()
class MaskLossAnnealHook(Hook):
    r"""Change the weight of the mask loss linearly during training.

    The weight :math:`\beta` goes from the algorithm's ``mask_loss_weight`` to
    ``end_weight`` (end of Sec. 3.3), where it stays if a run is resumed with
    larger batches and has more iterations than the schedule. It is a function
    of the iteration, so that a resumed run needs no state.

    Args:
        end_weight (float): The weight at the end of training. Defaults to 0.

    Raises:
        ValueError: If ``end_weight`` is negative.
    """

    priority = 'NORMAL'

    def __init__(self, end_weight: float = 0.) -> None:
        self.end_weight = check_weight('end_weight', end_weight)
        self._start_weight: Optional[float] = None

    def before_train(self, runner: Runner) -> None:
        """Remember the first weight.

        Raises:
            TypeError: If the model has no mask loss.
        """
        mixing = self._mixing(runner)
        if not hasattr(mixing, 'mask_loss_weight'):
            found = runner.model if mixing is None else mixing
            raise TypeError(
                'MaskLossAnnealHook needs an algorithm with a mask loss such '
                f'as SAMixClassifier, got {type(found).__name__}; remove the '
                'hook')
        self._start_weight = mixing.mask_loss_weight

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Set the weight of this iteration."""
        progress = progress_of(runner)
        weight = (
            self._start_weight + progress *
            (self.end_weight - self._start_weight))
        self._mixing(runner).mask_loss_weight = weight
        runner.message_hub.update_scalar('train/mask_weight', weight)

    def after_train(self, runner: Runner) -> None:
        """Give the model its first weight back, for another training."""
        self._mixing(runner).mask_loss_weight = self._start_weight

    @staticmethod
    def _mixing(runner: Runner):
        return getattr(unwrap(runner.model), 'mixing', None)
