from mmpretrain.models import ResNet_CIFAR, ResNeXt

from ...registry import MODELS


@MODELS.register_module()
class ResNeXt_CIFAR(ResNet_CIFAR, ResNeXt):  # noqa: N801  as MMPretrain's
    """ResNeXt with the stem of MMPretrain's ``ResNet_CIFAR``: one 3x3
    convolution of stride 1, no pooling.

    Args:
        depth (int): Depth, one of ResNeXt's: 50, 101 or 152.
        deep_stem (bool): Must be False. Defaults to False.
        **kwargs: Arguments of MMPretrain's ``ResNeXt``.
    """
