import re
from copy import deepcopy
from typing import Dict, List, Optional, Sequence, Union

import torch
from mmengine.model import PretrainedInit
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

NO_CHECKPOINT = (
    'LinearProbe needs the weights of a pre-trained backbone, but {found}; '
    "write backbone = dict(init_cfg=dict(type='Pretrained', checkpoint=FILE, "
    "prefix='backbone.'), ...), or --cfg-options "
    'model.backbone.init_cfg.checkpoint=FILE')
#: How many names an error message lists.
SHOWN = 3


def pretrained_cfg(init_cfg: Union[dict, Sequence[dict], None]) -> dict:
    """Find the checkpoint in a module's ``init_cfg``.

    Args:
        init_cfg (dict | Sequence[dict], optional): The module's.

    Returns:
        dict: The one of type ``Pretrained``.

    Raises:
        ValueError: If there is none, or its ``checkpoint`` is empty.
    """
    cfgs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
    for cfg in cfgs:
        if cfg['type'] in ('Pretrained', PretrainedInit):
            if not cfg.get('checkpoint'):
                raise ValueError(
                    NO_CHECKPOINT.format(
                        found='backbone.init_cfg has checkpoint='
                        f'{cfg.get("checkpoint")!r}'))
            return cfg
    raise ValueError(
        NO_CHECKPOINT.format(
            found=f'backbone.init_cfg has no checkpoint: {init_cfg}'))


def check_pretrained(backbone: nn.Module,
                     checkpoint: str,
                     prefix: Optional[str] = None) -> None:
    """Check that a checkpoint has all weights of a backbone.

    MMEngine only logs what is missing, and a probe of random features trains
    without complaint.

    Args:
        backbone (nn.Module): The backbone, which is not changed.
        checkpoint (str): Path or URL of the file, with or without a
            ``state_dict`` key.
        prefix (str, optional): What the names of the backbone's weights begin
            with. Defaults to None, nothing.

    Raises:
        ValueError: If weights or statistics are missing or have another
            shape.
    """
    state = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    state = state.get('state_dict', state)
    weights = _without_prefix(state, prefix)
    wanted = backbone.state_dict().keys()
    if not weights.keys() & wanted:
        dot = f'{prefix.rstrip(".")}.' if prefix else ''
        raise ValueError(
            f'{checkpoint} has no weights of the backbone under the prefix '
            f'{prefix!r}: it has {_some(state)}, and wanted are '
            f'{_some([dot + key for key in wanted])}; set '
            'backbone.init_cfg.prefix to what the names begin with')
    # Some backbones mend weights as they are loaded, such as position
    # embeddings of another resolution, so that loading alone can tell.
    twin = deepcopy(backbone)
    try:
        missing = twin.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        reasons = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(
            f'{checkpoint} does not fit the backbone, {len(reasons)} weights '
            f'have another shape: {" ".join(reasons[:SHOWN])}') from None
    # Checkpoints older than PyTorch 0.4.1 have none, and nothing uses it.
    missing = [key for key in missing if 'num_batches_tracked' not in key]
    if missing:
        raise ValueError(
            f'{checkpoint} lacks {len(missing)} weights or statistics of the '
            f'backbone under the prefix {prefix!r}: {_some(missing)}; it is '
            'of another architecture')


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
        ValueError: In :meth:`init_weights`, if the checkpoint is not given or
            does not fit the backbone.
    """

    def __init__(self,
                 backbone: dict,
                 neck: Optional[dict] = None,
                 head: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        self.backbone.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the backbone and initialise the rest.

        Raises:
            ValueError: If the checkpoint is not given or does not fit.
        """
        if not self.is_init:
            cfg = pretrained_cfg(self.backbone.init_cfg)
            check_pretrained(self.backbone, cfg['checkpoint'],
                             cfg.get('prefix'))
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


def _without_prefix(state: Dict[str, Tensor],
                    prefix: Optional[str]) -> Dict[str, Tensor]:
    """Name weights as MMEngine's ``PretrainedInit`` does."""
    if prefix is None:
        return {re.sub(r'^module\.', '', key): state[key] for key in state}
    prefix = prefix if prefix.endswith('.') else f'{prefix}.'
    return {
        key[len(prefix):]: state[key]
        for key in state if key.startswith(prefix)
    }


def _some(names: Sequence[str]) -> List[str]:
    return sorted(names)[:SHOWN]
