from .samix_classifier import SAMixClassifier

__all__ = ['SAMixClassifier']
