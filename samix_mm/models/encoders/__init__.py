from .feature_stage import Tap, find_tap, forward_to_tap
from .momentum_network import MomentumTwin

__all__ = ['MomentumTwin', 'Tap', 'find_tap', 'forward_to_tap']
