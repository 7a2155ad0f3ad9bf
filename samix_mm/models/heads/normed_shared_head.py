from typing import Optional

import torch
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule

from ...registry import MODELS


@MODELS.register_module()
class NormedSharedHead(BaseModule):
    """The last stage of a detector's ResNet with one more norm after it.

    MoCo fine-tunes detectors of the R50-C4 kind with a batch norm after res5,
    as features of a ResNet without labels have another scale than those of
    one with (https://arxiv.org/abs/1911.05722, appendix;
    ``Res5ROIHeadsExtraNorm`` of its ``detection/train_net.py``). MMDetection
    has no such layer. It is no part of the pretrained weights.

    Args:
        layer (dict): Config of the stage, MMDetection's ``ResLayer``.
        num_features (int): Channels C of its output.
        norm_cfg (dict): Config of the norm. Defaults to
            ``dict(type='SyncBN')``.
        init_cfg (dict, optional): As in MMEngine's ``BaseModule``.
    """

    def __init__(self,
                 layer: dict,
                 num_features: int,
                 norm_cfg: dict = dict(type='SyncBN'),
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.layer = MODELS.build(layer)
        self.norm = build_norm_layer(norm_cfg, num_features)[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of regions (N, C / 2, H, W), to (N, C, H / 2, W / 2)."""
        return self.norm(self.layer(x))
