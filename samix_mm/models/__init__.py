from .backbones import ResNeXt_CIFAR
from .classifiers import LinearProbe, MixClassifier, SAMixClassifier
from .clusters import ClusterHead, OnlineClusters
from .heads import EtaBalancedClsHead, EtaBalancedContrastiveHead
from .losses import EtaBalancedCrossEntropy, EtaBalancedInfoNCE, MaskLoss
from .mixing import (CutMix, FMix, ManifoldMix, MaskMethod, MixingMethod,
                     Mixture, MixUp, Pairing, RandomChoice, ResizeMix, SAMix,
                     Sources, Vanilla)
from .necks import Mixer
from .selfsup import (ClusterObjective, InfoNCEObjective, MixingObjective,
                      MixMoCo, SAMixMoCo)

__all__ = [
    'ClusterHead', 'ClusterObjective', 'CutMix', 'EtaBalancedClsHead',
    'EtaBalancedContrastiveHead', 'EtaBalancedCrossEntropy',
    'EtaBalancedInfoNCE', 'FMix', 'InfoNCEObjective', 'LinearProbe',
    'ManifoldMix', 'MaskLoss', 'MaskMethod', 'MixClassifier', 'MixMoCo',
    'MixUp', 'Mixer', 'MixingMethod', 'MixingObjective', 'Mixture',
    'OnlineClusters', 'Pairing', 'RandomChoice', 'ResNeXt_CIFAR', 'ResizeMix',
    'SAMix', 'SAMixClassifier', 'SAMixMoCo', 'Sources', 'Vanilla'
]
