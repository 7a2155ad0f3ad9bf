from .eta_balanced_cls_head import EtaBalancedClsHead
from .eta_balanced_contrastive_head import EtaBalancedContrastiveHead

__all__ = ['EtaBalancedClsHead', 'EtaBalancedContrastiveHead']
