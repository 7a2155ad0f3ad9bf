"""``mim search`` must tell what the configs say."""
import re

import pytest
from mmengine.fileio import load as load_yaml

from tests.helpers.configs import FOLDER, ROOT, header_of, load

METAFILES = sorted(FOLDER.glob('*/metafile.yml'))
MODELS = [model for path in METAFILES for model in load_yaml(path)['Models']]
PUBLISHED = r': (\d\d\.\d\d) % top-1'


def name_of(model: dict) -> str:
    return model['Name']


def test_the_index_imports_each_metafile():
    imported = load_yaml(ROOT / 'model-index.yml')['Import']
    assert imported == [str(path.relative_to(ROOT)) for path in METAFILES]


def test_each_published_config_is_listed_once():
    published = [
        str(path.relative_to(ROOT))
        for path in FOLDER.glob('*/*.py') if path.parent.name != '_base_'
        and re.search(PUBLISHED, path.read_text())
    ]
    assert len(published) == 23 + 40
    assert sorted(published) == sorted(model['Config'] for model in MODELS)


@pytest.mark.parametrize('path', METAFILES, ids=lambda path: path.parent.name)
def test_a_collection_names_its_paper(path):
    papers = dict(
        cutmix='1905.04899', mixup='1710.09412', mocov2='2003.04297',
        samix='2111.15454')
    metafile = load_yaml(path)
    collection, = metafile['Collections']
    assert collection['Paper']['URL'].endswith(papers[path.parent.name])
    for model in metafile['Models']:
        assert model['In Collection'] == collection['Name']
        assert model['Config'].split('/')[1] == path.parent.name


@pytest.mark.parametrize('model', MODELS, ids=name_of)
def test_entry_agrees_with_its_config(model):
    path = ROOT / model['Config']
    assert path.stem == model['Name']
    header = header_of(path)
    result, = model['Results']
    number = result['Metrics']['Top 1 Accuracy']
    assert re.findall(PUBLISHED, header) == [f'{number:.2f}']
    assert 'Weights' not in model
    cfg = load(path)
    metadata = model['Metadata']
    assert metadata['Epochs'] == cfg.train_cfg.max_epochs
    assert f'{metadata["Epochs"]} epochs' in header
    assert metadata['Batch Size'] == cfg.auto_scale_lr.base_batch_size
    assert metadata['Training Data'] == result['Dataset']
