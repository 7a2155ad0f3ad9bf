from collections import OrderedDict

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...checkpoints.plain import from_plain, to_plain
from ...registry import HOOKS


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Save checkpoints that hold nothing but tensors and plain types.

    MMEngine saves its log as objects of its own with NumPy arrays and bound
    functions in them, which ``torch.load`` refuses from PyTorch 2.6 on. This
    hook writes their numbers instead, and makes the objects again when a run
    is resumed, so that a checkpoint can be read with ``weights_only=True``
    by every version of PyTorch.
    """

    # After every hook that adds something to the checkpoint, and before any
    # that reads it is of no consequence: plain values stay as they are.
    priority = 'VERY_LOW'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace objects by plain types."""
        checkpoint.update(to_plain(checkpoint))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make the log of the objects that MMEngine expects."""
        hub = checkpoint.get('message_hub')
        if isinstance(hub, dict) and 'log_scalars' in hub:
            # Nothing else in a file is made an object by its looks.
            hub['log_scalars'] = OrderedDict(
                (name, from_plain(log))
                for name, log in hub['log_scalars'].items())
