from .mixed_grid import denormalize, mixed_grid

__all__ = ['denormalize', 'mixed_grid']
