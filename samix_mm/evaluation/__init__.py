from .knn import KNNAccuracy, knn_scores

__all__ = ['KNNAccuracy', 'knn_scores']
