"""What can be known of a checkpoint before it is loaded."""
import os.path as osp
import zipfile
from typing import Optional


def damage_of(path: str) -> Optional[str]:
    """Find out whether a checkpoint can be read to its end.

    Args:
        path (str): The file.

    Returns:
        str | None: What is wrong with it; None if it is whole.
    """
    if not osp.isfile(path):
        return 'there is no such file'
    if not zipfile.is_zipfile(path):
        return 'it is cut off, or no checkpoint of PyTorch 1.6 or later'
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f'it cannot be read ({error})'
    return f'its part {broken} is corrupted' if broken else None
