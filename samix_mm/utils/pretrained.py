"""Pre-trained weights of a part that is not trained any more."""
import re
from copy import deepcopy
from typing import Any, Dict, List, Optional, Sequence

from mmengine.model import PretrainedInit
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

NO_CHECKPOINT = (
    '{owner} needs the weights of a pre-trained {name}, but {found}; write '
    "{name} = dict(init_cfg=dict(type='Pretrained', checkpoint=FILE, "
    "prefix='{name}.'), ...), or --cfg-options "
    'model.{name}.init_cfg.checkpoint=FILE')
NO_FILE = (
    'the weights of a pre-trained {name} should be in {checkpoint}, which is '
    'not there; train a model that has them first, or write --cfg-options '
    'model.{name}.init_cfg.checkpoint=FILE')
#: How many names an error message lists.
SHOWN = 3


def require_pretrained(module: nn.Module, owner: str, name: str) -> None:
    """Check that a module is told to load a checkpoint which fits it.

    Args:
        module (nn.Module): With ``init_cfg``.
        owner (str): Who needs the weights.
        name (str): What the module is called in the config.

    Raises:
        FileNotFoundError: If the checkpoint is not there.
        ValueError: If there is no checkpoint in ``init_cfg``, or it does not
            fit.
    """
    init_cfg: Any = module.init_cfg
    cfgs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
    cfg = next((cfg for cfg in cfgs
                if isinstance(cfg, dict)
                and cfg.get('type') in ('Pretrained', PretrainedInit)), {})
    if not cfg.get('checkpoint'):
        raise ValueError(
            NO_CHECKPOINT.format(
                owner=owner,
                name=name,
                found=f'{name}.init_cfg has no checkpoint: {init_cfg}'))
    check_fit(module, name, cfg['checkpoint'], cfg.get('prefix'))


def check_fit(module: nn.Module,
              name: str,
              checkpoint: str,
              prefix: Optional[str] = None) -> None:
    """Check that a checkpoint has all weights of a module.

    MMEngine only logs what is missing, and training on random features or
    with random masks goes on without complaint.

    Args:
        module (nn.Module): The module, which is not changed.
        name (str): What it is called in the config.
        checkpoint (str): Path or URL of the file, with or without a
            ``state_dict`` key.
        prefix (str, optional): What the names of its weights begin with.
            Defaults to None, nothing.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If weights or statistics are missing or have another
            shape.
    """
    try:
        state = CheckpointLoader.load_checkpoint(
            checkpoint, map_location='cpu')
    except FileNotFoundError:
        raise FileNotFoundError(
            NO_FILE.format(name=name, checkpoint=checkpoint)) from None
    state = state.get('state_dict', state)
    weights = _without_prefix(state, prefix)
    wanted = module.state_dict().keys()
    if not weights.keys() & wanted:
        dot = f'{prefix.rstrip(".")}.' if prefix else ''
        raise ValueError(
            f'{checkpoint} has no weights of the {name} under the prefix '
            f'{prefix!r}: it has {_some(state)}, and wanted are '
            f'{_some([dot + key for key in wanted])}; set '
            f'{name}.init_cfg.prefix to what the names begin with')
    # Some backbones mend weights as they are loaded, such as position
    # embeddings of another resolution, so that loading alone can tell.
    copy = deepcopy(module)
    try:
        missing = copy.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        reasons = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(
            f'{checkpoint} does not fit the {name}, {len(reasons)} weights '
            f'have another shape: {" ".join(reasons[:SHOWN])}') from None
    # Checkpoints older than PyTorch 0.4.1 have none, and nothing uses it.
    missing = [key for key in missing if 'num_batches_tracked' not in key]
    if missing:
        raise ValueError(
            f'{checkpoint} lacks {len(missing)} weights or statistics of the '
            f'{name} under the prefix {prefix!r}: {_some(missing)}; it is '
            'of another architecture')


def _without_prefix(state: Dict[str, Tensor],
                    prefix: Optional[str]) -> Dict[str, Tensor]:
    """Name weights as MMEngine's ``PretrainedInit`` does."""
    if prefix is None:
        return {re.sub(r'^module\.', '', key): state[key] for key in state}
    prefix = prefix if prefix.endswith('.') else f'{prefix}.'
    return {
        key[len(prefix):]: state[key]
        for key in state if key.startswith(prefix)
    }


def _some(names: Sequence[str]) -> List[str]:
    return sorted(names)[:SHOWN]
