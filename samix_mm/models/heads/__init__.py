from .eta_balanced_cls_head import EtaBalancedClsHead

__all__ = ['EtaBalancedClsHead']
