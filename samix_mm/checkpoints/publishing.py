"""Write what others need of a training."""
import hashlib
import io
import os.path as osp
from collections import OrderedDict
from typing import Any, Dict

import torch

from .atomic_backend import write_whole
from .loading import load_checkpoint
from .plain import to_plain

#: What a plain ``ImageClassifier`` has.
ONLINE_PARTS = ('backbone.', 'neck.', 'head.')

#: What is kept of the training besides its weights. Configs, logs and names
#: tell where the files of their maker are.
_PUBLIC_META = ('epoch', 'iter', 'mmengine_version')


def publish_checkpoint(in_file: str, out_file: str) -> str:
    """Write the online network alone, for stock MMPretrain to load.

    Of the training the file has the epoch, the iteration, the version of
    MMEngine and the names of the classes, and nothing else.

    Args:
        in_file (str): Checkpoint of a training.
        out_file (str): Where to write; the first eight digits of the file's
            SHA-256 are put before the suffix, as MM's projects do.

    Returns:
        str: The path of the written file.

    Raises:
        ValueError: If the checkpoint has no backbone.
        OSError: If the file cannot be written; nothing of it is left.
    """
    checkpoint = load_checkpoint(in_file, map_location='cpu')
    state = checkpoint.get('state_dict') or {}
    weights = OrderedDict((key, value) for key, value in state.items()
                          if key.startswith(ONLINE_PARTS))
    if not any(key.startswith('backbone.') for key in weights):
        raise ValueError(
            f'{in_file} has no weights of a backbone in its state_dict: '
            'give the checkpoint of a training, such as epoch_300.pth')
    buffer = io.BytesIO()
    published = dict(
        state_dict=weights, meta=_public(checkpoint.get('meta', {})))
    torch.save(published, buffer)
    content = buffer.getvalue()
    stem, suffix = osp.splitext(out_file)
    digest = hashlib.sha256(content).hexdigest()
    named = f'{stem}-{digest[:8]}{suffix or ".pth"}'
    write_whole(content, named)
    return named


def _public(meta: Dict[str, Any]) -> Dict[str, Any]:
    """What users of the weights need, and may know."""
    public = {key: meta[key] for key in _PUBLIC_META if key in meta}
    classes = (meta.get('dataset_meta') or {}).get('classes')
    if classes is not None:
        public['dataset_meta'] = dict(classes=classes)
    return to_plain(public)
