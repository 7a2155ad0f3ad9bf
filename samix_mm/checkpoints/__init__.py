from .atomic_backend import AtomicLocalBackend
from .errors import (AbsentDeviceError, DamagedCheckpointError,
                     UnsafeCheckpointError)
from .loading import load_checkpoint
from .readers import damage_of

__all__ = [
    'AbsentDeviceError', 'AtomicLocalBackend', 'DamagedCheckpointError',
    'UnsafeCheckpointError', 'damage_of', 'load_checkpoint'
]
