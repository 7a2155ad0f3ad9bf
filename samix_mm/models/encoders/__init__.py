from .feature_net import FeatureNet
from .feature_stage import (FeatureStage, find_feature_stage, find_level,
                            forward_to_stage, forward_with_stage)
from .mixed_forward import mixing_inside
from .momentum_network import MomentumNetwork, sync_if_absent

__all__ = [
    'FeatureNet', 'FeatureStage', 'MomentumNetwork', 'find_feature_stage',
    'find_level', 'forward_to_stage', 'forward_with_stage', 'mixing_inside',
    'sync_if_absent'
]
