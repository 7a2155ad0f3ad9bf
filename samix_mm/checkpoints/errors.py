"""Why a checkpoint was not loaded."""
import pickle


class DamagedCheckpointError(RuntimeError):
    """A checkpoint cannot be read to its end, or is none."""


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than tensors and plain types."""


class ForbiddenGlobalError(UnsafeCheckpointError):
    """A checkpoint names a class or a function that is not allowed.

    Args:
        name (str): Its dotted name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f'it names {name[:200]!r}')
        self.name = name


class AbsentDeviceError(RuntimeError):
    """A checkpoint's tensors are for a device that is not here."""
