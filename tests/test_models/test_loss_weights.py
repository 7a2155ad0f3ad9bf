"""A model with nothing to learn is refused; one that trains its Mixer alone is
not: a Mixer can be trained for a network that is trained already, and be
used frozen afterwards."""
import pytest
import torch
from mmengine.registry import MODELS

from tests.helpers.tiny import assert_same, batch, build, model_cfg, sgd
from tests.helpers.tiny_ssl import build_moco, moco_cfg, views

METHOD = dict(type='SAMix', mixer_weight=0., mask_loss_weight=0.)
CLASSIFIER = dict(clean_weight=0., mix_weight=0.)
MOCO = dict(nce_weight=0., mix_weight=0.)


@pytest.mark.parametrize('cfg, names', [
    (model_cfg(**CLASSIFIER, mixing=METHOD),
     'clean_weight, mix_weight, mixer_weight, mask_loss_weight'),
    # Weights of a method that learns nothing do not count.
    (model_cfg(mixing=dict(type='MixUp'), **CLASSIFIER),
     'clean_weight, mix_weight'),
    (moco_cfg(**MOCO, mixing=METHOD),
     'nce_weight, mix_weight, mixer_weight, mask_loss_weight'),
    (moco_cfg(
        objective=dict(type='ClusterObjective', num_clusters=3),
        mixing=METHOD,
        **MOCO),
     'nce_weight, mix_weight, mixer_weight, mask_loss_weight'),
    (moco_cfg(mixing=dict(type='CutMix'), **MOCO), 'nce_weight, mix_weight'),
])
def test_all_weights_0(cfg, names):
    with pytest.raises(
            ValueError,
            match=f'nothing to learn: all of {names} are 0; leave one of them '
            'out'):
        MODELS.build(cfg)


@pytest.mark.parametrize('make, data, weights', [
    (build, lambda: batch()[::2], CLASSIFIER),
    (build_moco, views, MOCO),
], ids=['classifier', 'MoCo'])
def test_the_mixer_alone(make, data, weights):
    model, (inputs, samples) = make(**weights).train(), data()
    before = {
        name: param.detach().clone()
        for name, param in model.named_parameters()
    }
    model.train_step(dict(inputs=inputs, data_samples=samples), sgd(model))
    after = dict(model.named_parameters())
    assert not torch.equal(before.pop('mixing.mixer.query.weight'),
                           after['mixing.mixer.query.weight'])
    others = [name for name in before if not name.startswith('mixing.')]
    assert_same({name: before[name] for name in others},
                {name: after[name].detach() for name in others},
                rtol=0, atol=0)
