from .cutmix import CutMix
from .mixup import MixUp

__all__ = ['CutMix', 'MixUp']
