from .backbones import ResNeXt_CIFAR
from .classifiers import LinearProbe, SAMixClassifier
from .clusters import ClusterHead, OnlineClusters
from .heads import EtaBalancedClsHead, EtaBalancedContrastiveHead
from .losses import EtaBalancedCrossEntropy, EtaBalancedInfoNCE, MaskLoss
from .mixing import CutMix, MixingPolicy, MixUp
from .necks import Mixer
from .selfsup import SAMixMoCo

__all__ = [
    'ClusterHead', 'CutMix', 'EtaBalancedClsHead',
    'EtaBalancedContrastiveHead', 'EtaBalancedCrossEntropy',
    'EtaBalancedInfoNCE', 'LinearProbe', 'MaskLoss', 'MixUp', 'Mixer',
    'MixingPolicy', 'OnlineClusters', 'ResNeXt_CIFAR', 'SAMixClassifier',
    'SAMixMoCo'
]
