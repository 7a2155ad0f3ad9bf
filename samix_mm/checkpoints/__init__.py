from .atomic_backend import AtomicLocalBackend
from .loading import (DamagedCheckpointError, UnsafeCheckpointError,
                      load_checkpoint)

__all__ = [
    'AtomicLocalBackend', 'DamagedCheckpointError', 'UnsafeCheckpointError',
    'load_checkpoint'
]
