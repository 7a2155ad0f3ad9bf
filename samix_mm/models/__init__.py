from .backbones import ResNeXt_CIFAR
from .classifiers import LinearProbe, SAMixClassifier
from .heads import ClusterHead, EtaBalancedClsHead, EtaBalancedContrastiveHead
from .losses import EtaBalancedCrossEntropy, EtaBalancedInfoNCE, MaskLoss
from .necks import CutMix, Mixer, MixingPolicy, MixUp
from .selfsup import SAMixMoCo

__all__ = [
    'ClusterHead', 'CutMix', 'EtaBalancedClsHead',
    'EtaBalancedContrastiveHead', 'EtaBalancedCrossEntropy',
    'EtaBalancedInfoNCE', 'LinearProbe', 'MaskLoss', 'MixUp', 'Mixer',
    'MixingPolicy', 'ResNeXt_CIFAR', 'SAMixClassifier', 'SAMixMoCo'
]
