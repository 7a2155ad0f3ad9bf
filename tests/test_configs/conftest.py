from functools import lru_cache
from pathlib import Path

import pytest
from mmengine.config import utils

from tests.helpers.layouts import LAYOUTS


@pytest.fixture(scope='session')
def data_dir(tmp_path_factory) -> Path:
    """A directory in which all data sets lie where the configs look."""
    directory = tmp_path_factory.mktemp('layouts')
    for path, fill in LAYOUTS.items():
        fill(directory / path)
    return directory


@pytest.fixture(scope='session', autouse=True)
def metafiles_are_read_once():
    """MMEngine reads all of MMPretrain's for each config that inherits from
    it, which takes longer than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, 'load', lru_cache(maxsize=None)(utils.load))
        yield
