"""What ``step_cost.py`` measures: models, their counterparts and batches."""
from functools import partial
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional

import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.optim import build_optim_wrapper as build_from_cfg
from mmpretrain.models import BaseSelfSupervisor
from mmpretrain.structures import DataSample
from torch import nn

from samix_mm.models.selfsup.contrastive_losses import ema_momentum

#: Arguments of the vanilla algorithms.
CLASSIFIER = ('backbone', 'neck', 'head', 'data_preprocessor')
MOCO = (*CLASSIFIER, 'queue_len', 'feat_dim', 'momentum')
#: Algorithms with their vanilla counterparts.
COUNTERPARTS = dict(
    MixClassifier=('ImageClassifier', CLASSIFIER),
    SAMixClassifier=('ImageClassifier', CLASSIFIER),
    MixMoCo=('MoCo', MOCO),
    SAMixMoCo=('MoCo', MOCO))
#: Images that the clusters of SAMix-C are made of, for each cluster.
IMAGES_A_CLUSTER = 4


class Step(NamedTuple):
    """Training steps on the same batch again and again.

    Attributes:
        model (nn.Module): The algorithm.
        optim_wrapper (OptimWrapper): Its optimizer.
        data (dict): A batch as a data loader gives it.
        period (int): The number of steps after which their cost repeats.
    """
    model: nn.Module
    optim_wrapper: OptimWrapper
    data: dict
    period: int = 1

    def __call__(self) -> None:
        """Make a period of steps, with the momentum updates of the hook."""
        self._train(self.model.train_step)

    def eagerly(self) -> None:
        """The same, even if the model's step is compiled."""
        self._train(partial(type(self.model).train_step, self.model))

    def _train(self, train_step: Callable) -> None:
        for _ in range(self.period):
            train_step(self.data, self.optim_wrapper)
            if hasattr(self.model, 'update_momentum_net'):
                self.model.update_momentum_net(self.model.momentum)


def find_config(name: str) -> str:
    """Find a config by path or by bare name, as mim does.

    Args:
        name (str): Path, or file name in the ``configs`` beside these tools.

    Returns:
        str: Its path.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    if Path(name).is_file():
        return name
    directory = Path(__file__).parents[2] / 'configs'
    for path in directory.rglob('*.py'):
        if name in (path.name, path.stem):
            return str(path)
    raise FileNotFoundError(f'{name} is neither a file nor a config in '
                            f'{directory}')


def vanilla_model_cfg(model_cfg: dict) -> ConfigDict:
    """The counterpart without mixing.

    Args:
        model_cfg (dict): Config of an algorithm of this package.

    Returns:
        ConfigDict: Config of ``ImageClassifier`` or ``MoCo``.

    Raises:
        ValueError: If it is another algorithm.
    """
    if model_cfg['type'] not in COUNTERPARTS:
        raise ValueError(f'model.type must be one of {sorted(COUNTERPARTS)}, '
                         f'got {model_cfg["type"]!r}')
    kind, names = COUNTERPARTS[model_cfg['type']]
    kept = {name: model_cfg[name] for name in names if name in model_cfg}
    if 'momentum' in kept:
        kept['momentum'] = 1 - ema_momentum(kept['momentum'])
    return ConfigDict(type=kind, **kept)


def build_optim_wrapper(model: nn.Module, cfg: ConfigDict,
                        amp: Optional[str]) -> OptimWrapper:
    """Build the config's optimizer, on request with mixed precision."""
    cfg = cfg.copy()
    if amp:
        on_cpu = next(model.parameters()).device.type == 'cpu'
        cfg.type = 'CPUAmpOptimWrapper' if on_cpu else 'AmpOptimWrapper'
        if not on_cpu:
            cfg.dtype = dict(bf16='bfloat16', fp16='float16')[amp]
            cfg.loss_scale = 'dynamic'
    return build_from_cfg(model, cfg)


def image_size(cfg: Config) -> int:
    """The size that the training pipeline crops images to."""
    found = [224]

    def search(part) -> None:
        if isinstance(part, dict):
            for key in ('scale', 'crop_size'):
                if isinstance(part.get(key), int):
                    found.append(part[key])
            part = list(part.values())
        if isinstance(part, (list, tuple)):
            for item in part:
                search(item)

    search(cfg.train_dataloader.dataset.get('pipeline', []))
    return found[-1]


def random_batch(model: nn.Module, batch: int, size: int) -> dict:
    """Random images with labels, one view or two as the model wants them."""
    device = next(model.parameters()).device

    def images() -> List[torch.Tensor]:
        shape = (batch, 3, size, size)
        return list(torch.randint(256, shape, dtype=torch.uint8,
                                  device=device))

    self_supervised = isinstance(model, BaseSelfSupervisor)
    num_images = batch
    if getattr(model, 'clusters', None) is not None:
        num_images = IMAGES_A_CLUSTER * model.clusters.num_clusters
        model.clusters.start(
            torch.randn(num_images, model.queue.size(0), device=device),
            seed=0)
    head = model.head
    num_classes = 2 if self_supervised else getattr(head, 'num_classes', 2)
    samples = [
        DataSample(metainfo=dict(sample_idx=index % num_images)).set_gt_label(
            index % num_classes) for index in range(batch)
    ]
    inputs = images()
    if self_supervised:
        inputs = [torch.stack(inputs), torch.stack(images())]
    return dict(inputs=inputs, data_samples=samples)
