"""The tool that asks whether the Mixer has learned what a ratio means."""
import runpy
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from tests.helpers.configs import load
from tests.helpers.tiny import model_cfg
from tests.helpers.tiny_ssl import moco_cfg

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/analysis/mixer_lambda.py'))


def arguments(folder, model, state=None):
    """The command line for a model on digits, and its checkpoint."""
    digits = load(ROOT / 'configs/samix/samix_digits_r18.py')
    dataset = dict(digits.test_dataloader.dataset, indices=10)
    cfg = Config(
        dict(
            model=model,
            default_scope='mmpretrain',
            test_dataloader=dict(dataset=dataset)))
    cfg.dump(folder / 'config.py')
    if state is None:
        state = MODELS.build(model).state_dict()
    torch.save(dict(state_dict=state), folder / 'weights.pth')
    return Namespace(
        config=str(folder / 'config.py'),
        checkpoint=str(folder / 'weights.pth'),
        num_pairs=8,
        seed=0,
        cfg_options={})


def test_masks_are_the_mixers_own(tmp_path):
    """Neither adjusted to their ratio nor MixUp's at the extremes."""
    masks = TOOL['masks_of_test_pairs'](arguments(tmp_path, model_cfg()))
    assert masks.shape == (8, 9, 16, 16)
    means = masks.mean(dim=(2, 3))
    assert (means - torch.tensor(TOOL['LAMS'])).abs().max() > 0.1
    assert masks.flatten(2).std(dim=2).min() > 0


def test_numbers():
    """Of masks whose mean is the ratio plus the number of the pair."""
    lams = torch.tensor(TOOL['LAMS'])
    masks = lams.view(1, -1, 1, 1).repeat(4, 1, 2, 2)
    masks[..., 0] += 0.1
    masks[..., 1] -= 0.1
    summary = TOOL['summarize'](masks)
    assert summary['num_pairs'] == 4
    assert summary['correlation'] == pytest.approx(1)
    assert summary['mask_std'] == pytest.approx(np.std([.1, .1, -.1, -.1],
                                                       ddof=1))
    masks += torch.arange(4).view(-1, 1, 1, 1)
    summary = TOOL['summarize'](masks)
    assert summary['correlation'] < 0.5
    assert summary['correlation_of_means'] == pytest.approx(1)


@pytest.mark.parametrize('model, name', [
    (model_cfg(type='MixClassifier', mixing=dict(type='FMix')),
     'MixClassifier with FMix'),
    (model_cfg(type='ImageClassifier'), 'ImageClassifier'),
    (moco_cfg(), 'SAMixMoCo with SAMix')])
def test_others_are_refused(tmp_path, model, name):
    with pytest.raises(SystemExit, match=f'SAMix, but .* trains {name}; cho'):
        TOOL['masks_of_test_pairs'](arguments(tmp_path, model))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    """Its masks would be those of a Mixer that has learned nothing."""
    vanilla = MODELS.build(model_cfg(type='ImageClassifier')).state_dict()
    with pytest.raises(SystemExit, match='weights.pth does not come from'):
        TOOL['masks_of_test_pairs'](
            arguments(tmp_path, model_cfg(), vanilla))
