from typing import Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...utils.pretrained import require_pretrained
from ...utils.validation import check_part
from .feature_stage import find_feature_stage, forward_to_stage


class FeatureNet(BaseModule):
    """A frozen backbone that feeds the Mixer.

    Args:
        backbone (dict): Config of a backbone, with its weights in
            ``init_cfg``.
        feature_stage (int, optional): The stage that feeds the Mixer, as
            :func:`find_feature_stage` counts. Defaults to None.

    Raises:
        TypeError: If ``backbone`` is no config.
        ValueError: If it puts out no feature maps or lacks the stage.
    """

    def __init__(self,
                 backbone: Union[dict, nn.Module],
                 feature_stage: Optional[int] = None) -> None:
        super().__init__()
        check_part('feature_net', backbone,
                   "dict(type='ResNet', depth=18, init_cfg=dict(...))")
        if isinstance(backbone, dict):
            backbone = MODELS.build(backbone)
        self.backbone = backbone.requires_grad_(False)
        self.feature_stage = find_feature_stage(backbone, feature_stage)
        self.eval()

    def init_weights(self) -> None:
        """Load the weights.

        Raises:
            ValueError: If the checkpoint is not given or does not fit.
        """
        if not self.is_init:
            require_pretrained(self.backbone, 'the Mixer', 'feature_net')
        super().init_weights()

    def train(self, mode: bool = True) -> 'FeatureNet':
        """Stay in evaluation mode.

        Args:
            mode (bool): Ignored. Defaults to True.

        Returns:
            FeatureNet: Itself.
        """
        return super().train(False)

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """Extract features.

        Args:
            inputs (Tensor): Images with shape (N, 3, H, W).

        Returns:
            Tensor: The feature map with shape (N, C, h, w).
        """
        return forward_to_stage(self.backbone, self.feature_stage, inputs)
