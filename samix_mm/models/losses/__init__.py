from .eta_balanced_cross_entropy import (EtaBalancedCrossEntropy,
                                         eta_balanced_cross_entropy)
from .eta_balanced_info_nce import EtaBalancedInfoNCE, eta_balanced_info_nce
from .mask_loss import MaskLoss, mask_loss

__all__ = [
    'EtaBalancedCrossEntropy', 'EtaBalancedInfoNCE', 'MaskLoss',
    'eta_balanced_cross_entropy', 'eta_balanced_info_nce', 'mask_loss'
]
