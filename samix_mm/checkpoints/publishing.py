"""Write what others need of a training."""
import hashlib
import os
import os.path as osp
from collections import OrderedDict

import torch

from .loading import load_checkpoint
from .plain import to_plain

#: What a plain ``ImageClassifier`` has.
ONLINE_PARTS = ('backbone.', 'neck.', 'head.')


def publish_checkpoint(in_file: str, out_file: str) -> str:
    """Write the online network alone, for stock MMPretrain to load.

    Args:
        in_file (str): Checkpoint of a training.
        out_file (str): Where to write; the first eight digits of the file's
            SHA-256 are put before the suffix, as MM's projects do.

    Returns:
        str: The path of the written file.

    Raises:
        ValueError: If the checkpoint has no backbone.
    """
    checkpoint = load_checkpoint(in_file, map_location='cpu')
    weights = OrderedDict(
        (key, value) for key, value in checkpoint['state_dict'].items()
        if key.startswith(ONLINE_PARTS))
    if not any(key.startswith('backbone.') for key in weights):
        raise ValueError(f'{in_file} has no weights of a backbone')
    published = dict(state_dict=weights, meta=to_plain(checkpoint['meta']))
    stem, suffix = osp.splitext(out_file)
    unnamed = f'{stem}.tmp'
    torch.save(published, unnamed)
    with open(unnamed, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    named = f'{stem}-{digest[:8]}{suffix or ".pth"}'
    os.replace(unnamed, named)
    return named
