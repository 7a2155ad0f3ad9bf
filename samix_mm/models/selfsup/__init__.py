from .samix_moco import SAMixMoCo

__all__ = ['SAMixMoCo']
