from typing import List, Optional, Union

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor with one parameter group for each setting.

    With ``paramwise_cfg`` the default one makes a group of each parameter,
    and PyTorch's optimizers update one group at a time: hundreds of small
    operations instead of a few fused ones. The settings are the same.
    """

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: Optional[Union[int, float]] = None) -> None:
        """Add all parameters of a module, and merge equal groups.

        Args:
            params (List[dict]): Parameter groups, changed in place.
            module (nn.Module): The module.
            prefix (str): Its name; empty for the whole model. Defaults to ''.
            is_dcn_module (int | float, optional): As in MMEngine. Defaults
                to None.
        """
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:
            return
        merged = {}
        for group in params:
            settings = {
                key: value
                for key, value in group.items() if key != 'params'
            }
            key = repr(sorted(settings.items()))
            merged.setdefault(key, dict(settings, params=[]))
            merged[key]['params'] += group['params']
        params[:] = merged.values()
