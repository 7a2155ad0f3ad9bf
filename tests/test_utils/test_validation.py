import pytest

from samix_mm.utils.validation import check_some_weight


def test_some_weight():
    check_some_weight(mix_weight=0., mixer_weight=1e-9)
    with pytest.raises(ValueError, match='all of mix_weight, b are 0'):
        check_some_weight(mix_weight=0, b=0.)
