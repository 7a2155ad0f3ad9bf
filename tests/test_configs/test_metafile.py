"""``mim search`` must tell what the configs say."""
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.fileio import load

ROOT = Path(__file__).parents[2]
METAFILE = ROOT / 'configs/samix/metafile.yml'
MODELS = load(METAFILE)['Models']


def name_of(model: dict) -> str:
    return model['Name']


def test_the_index_imports_each_metafile():
    imported = load(ROOT / 'model-index.yml')['Import']
    assert sorted(imported) == sorted(
        str(path.relative_to(ROOT)) for path in ROOT.glob('configs/**/*.yml'))


def test_each_published_config_is_listed_once():
    published = [
        str(path.relative_to(ROOT))
        for path in ROOT.glob('configs/samix/*.py')
        if re.search(r'^# SAMix: ', path.read_text(), re.MULTILINE)
    ]
    assert sorted(published) == sorted(model['Config'] for model in MODELS)


def test_the_collection_names_the_paper():
    collection, = load(METAFILE)['Collections']
    assert collection['Name'] == 'SAMix'
    assert collection['Paper']['URL'].endswith('2111.15454')


@pytest.mark.parametrize('model', MODELS, ids=name_of)
def test_entry_agrees_with_its_config(model):
    path = ROOT / model['Config']
    assert path.stem == model['Name']
    header = path.read_text()
    result, = model['Results']
    number = result['Metrics']['Top 1 Accuracy']
    assert f'SAMix: {number:.2f} % top-1' in header
    assert 'Weights' not in model
    cfg = Config.fromfile(path)
    metadata = model['Metadata']
    assert metadata['Epochs'] == cfg.train_cfg.max_epochs
    assert metadata['Batch Size'] == cfg.auto_scale_lr.base_batch_size
    assert metadata['Training Data'] == result['Dataset']
