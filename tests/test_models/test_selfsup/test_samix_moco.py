from samix_mm.models import MixMoCo, SAMix, SAMixMoCo
from tests.helpers.tiny_ssl import build_moco


def test_is_a_mix_moco_with_the_defaults_of_the_paper():
    model = build_moco()
    assert isinstance(model, SAMixMoCo) and isinstance(model, MixMoCo)
    assert isinstance(model.mixing, SAMix)
    assert model.mixing.eta == 0.5 and model.views == 'cross'
    assert model.nce_weight == model.mix_weight == 1
    method = SAMix(eta=0.1)
    assert build_moco(mixing=method).mixing is method
