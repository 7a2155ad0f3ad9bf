"""All addresses from which MMEngine loads, ending in the same safe loader.

MMEngine has a function for each kind of address, most of which unpickle what
they find. Those are replaced, in its table and in its module, where they call
each other; ``torchvision://`` and ``mmcls://`` look up a URL, and stay.
"""
import io
import os
import os.path as osp
from tempfile import TemporaryDirectory
from typing import Any, Optional
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.fileio import get_file_backend
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from .errors import DamagedCheckpointError
from .loading import load_checkpoint, load_from_file

#: Loaders of MMEngine that find a URL, and hand it to ``load_from_http``.
_LOOKING_UP = ('load_from_torchvision', 'load_from_mmcls')


# MMEngine's log has the names of these functions without 'load_from_'.
def load_from_local(filename: str, map_location: Any = None) -> dict:
    """Load a file, as :func:`load_checkpoint` does."""
    return load_checkpoint(filename, map_location)


def load_from_http(filename: str,
                   map_location: Any = None,
                   model_dir: Optional[str] = None,
                   progress: bool = os.isatty(0)) -> dict:
    """Download a checkpoint, unless it has been before, and load it.

    Args:
        filename (str): Its URL.
        map_location (str, optional): As in :func:`torch.load`.
        model_dir (str, optional): Where downloaded files are kept. Defaults
            to the ``checkpoints`` of :func:`torch.hub.get_dir`.
        progress (bool): Whether to show how far the download is.

    Returns:
        dict: The checkpoint.

    Raises:
        ValueError: If the URL does not end with the name of a file.
        As :func:`load_checkpoint` does.
    """
    model_dir = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    try:
        if is_main_process():
            path = _download(filename, model_dir, progress)
    finally:
        barrier()  # or the others would wait for ever if it fails
    path = _download(filename, model_dir, progress)
    try:
        return load_checkpoint(path, map_location)
    except DamagedCheckpointError as error:
        raise DamagedCheckpointError(
            f'{error}. It was downloaded from {filename}: remove it, and it '
            'is downloaded again') from error


def load_from_openmmlab(filename: str, map_location: Any = None) -> dict:
    """Load by a name in MMEngine's table of URLs."""
    name = filename.partition('://')[2]
    name = mmengine_checkpoint.get_deprecated_model_names().get(name, name)
    url = mmengine_checkpoint.get_external_models()[name]
    if url.startswith(('http://', 'https://')):
        return load_from_http(url, map_location)
    home = mmengine_checkpoint._get_mmengine_home()
    return load_checkpoint(osp.join(home, url), map_location)


def load_from_ceph(filename: str,
                   map_location: Any = None,
                   backend: str = 'petrel') -> dict:
    """Load from a store of objects."""
    store = get_file_backend(filename, backend_args=dict(backend=backend))
    return load_from_file(
        io.BytesIO(store.get(filename)), filename, map_location)


def load_from_pavi(filename: str, map_location: Any = None) -> dict:
    """Load from a cloud of models, whose package has to be installed."""
    from pavi import modelcloud
    model = modelcloud.get(filename.partition('://')[2])
    with TemporaryDirectory() as folder:
        path = osp.join(folder, osp.basename(model.name))
        model.download(path)
        return load_checkpoint(path, map_location)


def refuse_scheme(filename: str, map_location: Any = None) -> dict:
    """In place of a loader of MMEngine that is not known to be safe.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f'{filename} was not loaded: its kind of address is unknown to '
        'samix_mm, and MMEngine could run code from it; download the file, '
        'and load that')


LOADERS = {
    loader.__name__: loader
    for loader in (load_from_local, load_from_http, load_from_openmmlab,
                   load_from_ceph, load_from_pavi)
}


def register_safe_loaders() -> None:
    """Replace MMEngine's loaders; those of other packages are theirs."""
    for name, loader in LOADERS.items():
        setattr(mmengine_checkpoint, name, loader)
    for prefix, loader in CheckpointLoader._schemes.items():
        name = loader.__name__
        if loader.__module__ == mmengine_checkpoint.__name__ and \
                name not in _LOOKING_UP:
            CheckpointLoader._schemes[prefix] = LOADERS.get(
                name, refuse_scheme)


def _download(url: str, folder: str, progress: bool) -> str:
    name = osp.basename(urlparse(url).path)
    if name in ('', os.curdir, os.pardir):
        raise ValueError(f'{url} does not end with the name of a file')
    path = osp.join(folder, name)
    if not osp.exists(path):
        os.makedirs(folder, exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=progress)
    return path
