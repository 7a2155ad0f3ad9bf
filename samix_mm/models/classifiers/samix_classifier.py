from typing import Union

from ...registry import MODELS
from ..mixing import MixingMethod
from .mix_classifier import MixClassifier


@MODELS.register_module()
class SAMixClassifier(MixClassifier):
    """SAMix for supervised image classification (Secs. 3.3, A.1.2).

    A :class:`MixClassifier` with the paper's defaults. In a stock config of
    MMPretrain nothing but ``type`` need be changed, and
    :class:`~samix_mm.engine.EMAMomentumHook` added. Who trains whom:

    - the online network (``backbone``, ``neck``, ``head``) learns from mixed
      images, and with one more linear layer (``clean_head``) from clean ones;
    - the Mixer (``mixing.mixer``) learns from its own mixed images, through
      the frozen momentum network;
    - the momentum network (``momentum_net``) follows the online one.

    Args:
        *args: As :class:`MixClassifier`.
        mixing (dict): Config of the mixing method. Defaults to
            ``dict(type='SAMix')``.
        clean_weight (float): Weight of the cross-entropy on clean images.
            Defaults to 1.0.
        **kwargs: As :class:`MixClassifier`.
    """

    def __init__(self,
                 *args,
                 mixing: Union[dict, MixingMethod] = dict(type='SAMix'),
                 clean_weight: float = 1.0,
                 **kwargs) -> None:
        super().__init__(
            *args, mixing=mixing, clean_weight=clean_weight, **kwargs)
