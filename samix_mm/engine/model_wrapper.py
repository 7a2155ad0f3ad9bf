from typing import Dict, Optional, Sequence, Union

from mmengine.device import get_device
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor

from ..registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class GuardedDistributedDataParallel(MMDistributedDataParallel):
    """MMEngine's DDP wrapper for models that guard their training step.

    MMEngine's wrapper calls the ``forward`` of a model, not its
    ``train_step``; a model that has a ``guarded_step`` is asked for that. For
    all other models it is MMEngine's wrapper. It also takes no device where
    there is no accelerator, as gloo demands.

    Args:
        module (nn.Module): The model.
        device_ids (Sequence[int], optional): As in MMEngine's wrapper;
            ignored without an accelerator. Defaults to None.
        **kwargs: Arguments of MMEngine's wrapper.
    """

    def __init__(self,
                 module,
                 device_ids: Optional[Sequence[int]] = None,
                 **kwargs) -> None:
        if get_device() == 'cpu':
            device_ids = None
        super().__init__(module, device_ids=device_ids, **kwargs)

    def train_step(self, data: Union[dict, tuple, list],
                   optim_wrapper: OptimWrapper) -> Dict[str, Tensor]:
        """A training step, guarded where the model guards it.

        Args:
            data (dict | tuple | list): A batch of the data loader.
            optim_wrapper (OptimWrapper): The optimizer's wrapper.

        Returns:
            Dict[str, Tensor]: Scalars for the log.
        """
        if hasattr(self.module, 'guarded_step'):
            return self.module.guarded_step(self, data, optim_wrapper)
        return super().train_step(data, optim_wrapper)
