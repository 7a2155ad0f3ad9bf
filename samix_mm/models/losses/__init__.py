from .eta_balanced_cross_entropy import (EtaBalancedCrossEntropy,
                                         eta_balanced_cross_entropy)
from .mask_loss import MaskLoss, mask_loss

__all__ = [
    'EtaBalancedCrossEntropy', 'MaskLoss', 'eta_balanced_cross_entropy',
    'mask_loss'
]
