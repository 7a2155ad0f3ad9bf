from typing import Union

from ...registry import MODELS
from ..mixing import MixingMethod
from .mix_moco import MixMoCo


@MODELS.register_module()
class SAMixMoCo(MixMoCo):
    r"""SAMix for self-supervised learning on MoCo v2 (Secs. 3.1, 3.2, A.1.3).

    A :class:`MixMoCo` with the paper's defaults: SAMix-I, or with
    ``objective=dict(type='ClusterObjective')`` SAMix-C. In a stock MoCo v2
    config of MMPretrain (or MMSelfSup) nothing but ``type`` need be changed,
    and :class:`~samix_mm.engine.EMAMomentumHook` added. Who trains whom:

    - the online network (``backbone``, ``neck``) learns from clean images
      with MoCo's InfoNCE, and from mixed ones with the mixup InfoNCE, whose
      denominator has both positives;
    - the Mixer (``mixing.mixer``) learns from its own mixed images, by the
      objective, through the frozen momentum network;
    - the momentum network (``momentum_net``) follows the online one.

    Args:
        *args: As :class:`MixMoCo`.
        mixing (dict): Config of the mixing method. Defaults to
            ``dict(type='SAMix')``.
        **kwargs: As :class:`MixMoCo`.
    """

    def __init__(self,
                 *args,
                 mixing: Union[dict, MixingMethod] = dict(type='SAMix'),
                 **kwargs) -> None:
        super().__init__(*args, mixing=mixing, **kwargs)
