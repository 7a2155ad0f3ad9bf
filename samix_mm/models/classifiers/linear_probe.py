from typing import Optional

import torch
from mmpretrain.models import ImageClassifier
from torch import Tensor

from ...registry import MODELS
from ...utils.pretrained import require_pretrained
from ...utils.validation import check_backbone


@MODELS.register_module()
class LinearProbe(ImageClassifier):
    """Linear classification on frozen features (MoCo's protocol).

    An ``ImageClassifier`` of which only the head learns, and the neck if it
    has parameters (Sec. 4.1 of `Momentum Contrast for Unsupervised Visual
    Representation Learning <https://arxiv.org/abs/1911.05722>`_). In a linear
    evaluation config of MMPretrain nothing but ``type`` need be changed.
    ``frozen_stages`` of such a config depends on the backbone; this does not:
    no parameter of the backbone is trained, and it stays in evaluation mode,
    so that batch statistics do not change either.

    Training refuses to start without the pre-trained weights of the backbone
    in ``backbone.init_cfg``. To resume without that file, give the checkpoint
    of the probe itself, which has them too. A test needs no such file.

    Args:
        backbone (dict): Config of the backbone, with
            ``init_cfg=dict(type='Pretrained', checkpoint=...,
            prefix='backbone.')``.
        neck (dict, optional): Config of the neck. Defaults to None.
        head (dict, optional): Config of the head. Defaults to None.
        **kwargs: Other arguments of ``ImageClassifier``.

    Raises:
        TypeError: If ``backbone`` is no config.
        ValueError: In :meth:`init_weights`, if the checkpoint is not given or
            does not fit the backbone.
    """

    def __init__(self,
                 backbone: dict,
                 neck: Optional[dict] = None,
                 head: Optional[dict] = None,
                 **kwargs) -> None:
        check_backbone(backbone)
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        self.backbone.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the backbone and initialise the rest.

        Raises:
            ValueError: If the checkpoint is not given or does not fit.
        """
        if not self.is_init:
            require_pretrained(self.backbone, 'LinearProbe', 'backbone')
        super().init_weights()

    def train(self, mode: bool = True) -> 'LinearProbe':
        """Set the mode of all but the backbone.

        Args:
            mode (bool): Whether to train. Defaults to True.

        Returns:
            LinearProbe: Itself.
        """
        super().train(mode)
        self.backbone.eval()
        return self

    def extract_feat(self, inputs: Tensor, stage: str = 'neck'):
        """Extract features as ``ImageClassifier`` does, without gradients to
        the backbone.

        Args:
            inputs (Tensor): Images with shape (N, C, H, W).
            stage (str): 'backbone', 'neck' or 'pre_logits'. Defaults to
                'neck'.

        Returns:
            tuple | Tensor: The output of the stage.
        """
        with torch.no_grad():
            feats = super().extract_feat(inputs, stage='backbone')
        if stage == 'backbone':
            return feats
        feats = self.neck(feats) if self.with_neck else feats
        return feats if stage == 'neck' else self.head.pre_logits(feats)
