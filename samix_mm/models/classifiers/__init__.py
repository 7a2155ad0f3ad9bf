from .linear_probe import LinearProbe
from .samix_classifier import SAMixClassifier

__all__ = ['LinearProbe', 'SAMixClassifier']
