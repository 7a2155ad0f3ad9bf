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
        """Make the objects that MMEngine expects."""
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = from_plain(checkpoint['message_hub'])
