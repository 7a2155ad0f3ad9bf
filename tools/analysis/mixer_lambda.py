"""Has the Mixer learned what a ratio means? Prints the answer as JSON.

Usage: ``python tools/analysis/mixer_lambda.py CONFIG CHECKPOINT``

On random pairs of test images, the unadjusted masks for the ratios 0.1 to 0.9
give

- ``correlation``: of the ratio with the mean of the mask, over all pairs and
  ratios;
- ``correlation_of_means``: the same with the means first averaged over pairs;
- ``mask_std``: mean spatial standard deviation of the masks at ratio 0.5.

CONFIG must be one of supervised training with SAMix.
"""
import argparse
import json
import sys
from functools import partial

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import load_checkpoint

import samix_mm  # noqa: F401  # registers, and lets configs inherit from it
from samix_mm.models import MixClassifier, Pairing, SAMix, Sources

LAMS = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Correlation of masks with the ratio, and their sparsity')
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument(
        '--num-pairs', type=int, default=256, help='default: 256')
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        help='override settings of the config, key=value')
    return parser.parse_args()


def load_model(args: argparse.Namespace, cfg: Config) -> MixClassifier:
    """The trained model; others than SAMix's are refused."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(cfg.model).eval()
    mixing = getattr(model, 'mixing', None)
    if not isinstance(model, MixClassifier) or not isinstance(mixing, SAMix):
        method = '' if mixing is None else f' with {type(mixing).__name__}'
        sys.exit('masks are those of supervised training with SAMix, but '
                 f'{args.config} trains {type(model).__name__}{method}; '
                 'choose another config')
    try:
        load_checkpoint(
            model, args.checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        sys.exit(f'{args.checkpoint} does not come from {args.config}: '
                 f'{error}')
    return model


@torch.no_grad()
def masks_of_test_pairs(args: argparse.Namespace) -> torch.Tensor:
    """Masks of random test pairs, shape (pairs, ratios, H, W)."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    model = load_model(args, cfg)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    chosen = np.random.default_rng(args.seed).permutation(len(dataset))
    masks = []
    for part in np.array_split(chosen[:args.num_pairs],
                               max(args.num_pairs // 64, 1)):
        batch = pseudo_collate([dataset[int(index)] for index in part])
        images = model.data_preprocessor(batch, False)['inputs']
        sources = Sources(images, features=partial(model.features_of, images))
        index = torch.arange(len(images)).roll(-1)
        masks.append(
            torch.cat([
                model.mixing.masks(sources, Pairing(lam, index))
                for lam in LAMS
            ], dim=1))
    return torch.cat(masks)


def summarize(masks: torch.Tensor) -> dict:
    """Correlations and sparsity of masks (pairs, ratios, H, W)."""
    means = masks.mean(dim=(2, 3)).numpy()  # (pairs, ratios)
    lams = np.broadcast_to(LAMS, means.shape)
    middle = masks[:, LAMS.index(0.5)]
    return dict(
        correlation=float(np.corrcoef(lams.ravel(), means.ravel())[0, 1]),
        correlation_of_means=float(np.corrcoef(LAMS, means.mean(0))[0, 1]),
        mask_std=float(middle.flatten(1).std(dim=1).mean()),
        num_pairs=len(masks))


if __name__ == '__main__':
    print(json.dumps(summarize(masks_of_test_pairs(parse_args()))))
