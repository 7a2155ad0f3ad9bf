"""The table of attacks in the documentation is that of its records."""
import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def attack():
    spec = spec_from_file_location('attack', ROOT / 'tools/dev/attack.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_made_from_the_records(attack):
    text = (ROOT / 'docs/reliability.md').read_text()
    begin, end = attack.MARKS
    assert text.split(begin)[1].split(end)[0] == attack.table()


def test_everything_held_that_is_on_record(attack):
    records = list((ROOT / 'docs/attacks').glob('*.json'))
    assert records
    for path in records:
        results = json.loads(path.read_text())['attacks']
        assert results.keys() == {each.what for each in attack.ATTACKS}
        for what, result in results.items():
            assert result['held'] > 0 and result['failed'] == 0, what


def test_the_tests_of_all_attacks_are_there(attack):
    for each in attack.ATTACKS:
        for name in each.tests:
            assert (ROOT / name).is_file(), name
