from .backbones import ResNeXt_CIFAR
from .classifiers import SAMixClassifier
from .heads import EtaBalancedClsHead
from .losses import EtaBalancedCrossEntropy, MaskLoss
from .necks import Mixer, MixingPolicy

__all__ = [
    'EtaBalancedClsHead', 'EtaBalancedCrossEntropy', 'MaskLoss', 'Mixer',
    'MixingPolicy', 'ResNeXt_CIFAR', 'SAMixClassifier'
]
