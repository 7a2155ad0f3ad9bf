from .linear_probe import LinearProbe
from .mix_classifier import MixClassifier
from .samix_classifier import SAMixClassifier

__all__ = ['LinearProbe', 'MixClassifier', 'SAMixClassifier']
