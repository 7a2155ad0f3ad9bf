from .all_heads_loops import AllHeadsTestLoop, AllHeadsValLoop

__all__ = ['AllHeadsTestLoop', 'AllHeadsValLoop']
