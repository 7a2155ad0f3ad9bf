"""A resumed self-supervised run equals an uninterrupted one."""
import copy

import pytest
import torch

from tests.helpers.tiny import make_runner
from tests.helpers.tiny_ssl import CLUSTERS, TwoViews, moco_cfg

VARIANTS = dict(
    infonce=dict(),
    cluster=dict(objective=CLUSTERS),
    cutmix=dict(mixing=dict(type='CutMix')))
#: Its random numbers MMEngine does not resume.
WITHOUT_DROPOUT = dict(type='SAMix', mixer=dict(type='Mixer', dropout=0.))
LOSSES = ('train/loss', 'train/loss_nce', 'train/loss_mix')


def train(work_dir, kwargs, max_epochs, until=None, **runner_kwargs):
    """Iterations of 12 images in batches of 5, 5 and 2."""
    cfg = moco_cfg(**copy.deepcopy(dict(dict(mixing=WITHOUT_DROPOUT),
                                        **kwargs)))
    cfg['data_preprocessor'] = dict(
        type='SelfSupDataPreprocessor', mean=[120.] * 3, std=[60.] * 3)
    loader = dict(
        dataset=TwoViews(),
        batch_size=5,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True, seed=0))
    runner = make_runner(
        work_dir, model=cfg, dataloader=loader, max_epochs=max_epochs,
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', interval=1)),
        **runner_kwargs)
    runner.train()
    return runner


@pytest.mark.parametrize('name', VARIANTS)
def test_resumed_run(tmp_path, name):
    whole = train(tmp_path / 'whole', VARIANTS[name], 4)
    resumed = train(
        tmp_path / 'resumed', VARIANTS[name], 4, resume=True,
        load_from=str(tmp_path / 'whole' / 'epoch_2.pth'))
    names = [key for key in whole.message_hub.log_scalars if 'loss' in key]
    assert set(LOSSES) <= set(names)
    for key in names:
        expected = whole.message_hub.get_scalar(key).data[0][-6:]
        found = resumed.message_hub.get_scalar(key).data[0][-6:]
        assert found.tolist() == pytest.approx(
            expected.tolist(), rel=1e-6), key
    ours, theirs = whole.model.state_dict(), resumed.model.state_dict()
    assert ours.keys() == theirs.keys()
    if name == 'cluster':
        assert ours['objective.clusters.features'].shape[0] == 12
    for key, value in ours.items():
        torch.testing.assert_close(
            theirs[key], value, rtol=1e-6, atol=1e-7, msg=lambda m, k=key:
            f'{k}: {m}')
