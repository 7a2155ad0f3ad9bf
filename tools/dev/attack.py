"""Attack the package, and keep what held in a table.

Usage::

    python tools/dev/attack.py --record docs/attacks/NAME.json [-k WORDS]
    python tools/dev/attack.py --write-table

The first command runs the tests of each attack with the Python that runs it,
and writes how many tries held, with the versions. The second one puts the
records of ``docs/attacks`` into the table of ``docs/reliability.md``.
"""
import argparse
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, List, NamedTuple, Optional
from xml.etree import ElementTree

import mmengine
import torch

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
MARKS = '<!-- attacks -->\n', '<!-- end of attacks -->\n'
CHECKPOINTS = 'tests/test_checkpoints/'
STEP = 'tests/test_models/test_train_step/'


class Attack(NamedTuple):
    """A way to do harm, and the tests that try it.

    Attributes:
        what (str): What is tried.
        holds (str): What happens instead.
        tests (List[str]): Files of tests, or tests in them.
        words (str): Only tests with one of these words, as in ``pytest -k``.
    """
    what: str
    holds: str
    tests: List[str]
    words: str = ''


ATTACKS = [
    Attack(
        'resume from each file of a run, with validation and `save_best`, by '
        'epoch and by iteration, without a fixed seed',
        'the last weights equal those of the run that was not interrupted',
        ['tests/test_resume_exactly.py',
         'tests/test_engine/test_hooks/test_exact_resume_hook.py']),
    Attack('a config in a checkpoint, which MMEngine runs', 'is dropped',
           [CHECKPOINTS + 'test_trusted_fields.py'], 'text or config'),
    Attack('a checkpoint that names files or folders to be removed',
           'only files of the run itself, by folder and name, are removed',
           [CHECKPOINTS + 'test_trusted_fields.py',
            CHECKPOINTS + 'test_run_files.py'], 'not text and not config'),
    Attack('pickles with code in files, in archives and behind each kind of '
           'address', 'are refused, and nothing is called',
           [CHECKPOINTS + 'test_schemes.py',
            CHECKPOINTS + 'test_hostile_files.py',
            CHECKPOINTS + 'test_pickles.py']),
    Attack('TorchScript, flipped bytes, compressed, overlapping or encrypted '
           'archives', 'are refused, or called damaged, before they are read',
           [CHECKPOINTS + 'test_archive.py', CHECKPOINTS + 'test_readers.py']),
    Attack('tensors and pickles that expand in memory',
           'are refused before memory is allocated',
           [CHECKPOINTS + 'test_limits.py']),
    Attack('checkpoints of stock MMEngine', 'load, and can be resumed from',
           [CHECKPOINTS + 'test_trusted_types.py',
            CHECKPOINTS + 'test_stock_runs.py']),
    Attack('thousands of spoiled checkpoints, a sample of 100',
           'each loads or ends in a sentence',
           ['tests/test_tools/test_fuzz_checkpoints.py']),
    Attack('files of a run that are cut off, unreadable, gone or renamed, '
           'kills while writing', 'the newest whole one is taken, or it stops',
           [CHECKPOINTS + 'test_resuming.py',
            CHECKPOINTS + 'test_atomic_backend.py',
            'tests/test_engine/test_hooks/test_safe_checkpoint_hook.py']),
    Attack('two trainings in one folder', 'the second one is told',
           [CHECKPOINTS + 'test_work_dir_lock.py']),
    Attack('losses and gradients that are not finite: once, for ever, at the '
           'end, in one process',
           'steps are skipped, no checkpoint is lost, the end is an error',
           [STEP + 'test_bad_gradients.py', STEP + 'test_update.py',
            STEP + 'test_skipped_steps.py']),
    Attack('data loaders under spawn and forkserver; names that other '
           'packages register', 'load, and are found',
           ['tests/test_compat/test_spawned_workers.py',
            'tests/test_registry.py', 'tests/test_compat/test_table.py']),
    Attack('a stock training that imports the package',
           'has the same weights and log, bit for bit',
           ['tests/test_stock_training.py']),
    Attack('a published file', 'tells nothing of its maker',
           [CHECKPOINTS + 'test_publishing.py']),
]


def try_out(attack: Attack) -> Dict[str, int]:
    """Run the tests of an attack: how many held, failed and were skipped."""
    with TemporaryDirectory() as folder:
        report = Path(folder, 'report.xml')
        command = [
            sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
            f'--junitxml={report}', *attack.tests
        ]
        if attack.words:
            command += ['-k', attack.words]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        suite = ElementTree.parse(report).getroot().find('testsuite')
    count = {name: int(suite.get(name))
             for name in ('tests', 'failures', 'errors', 'skipped')}
    failed = count['failures'] + count['errors']
    return dict(
        held=count['tests'] - failed - count['skipped'],
        failed=failed,
        skipped=count['skipped'])


def record(path: Path, words: Optional[str]) -> bool:
    """Try all attacks and write a record: whether all held."""
    results = {
        attack.what: try_out(attack)
        for attack in ATTACKS if not words or words in attack.what
    }
    versions = dict(
        Python=platform.python_version(),
        PyTorch=torch.__version__.partition('+')[0],
        MMEngine=mmengine.__version__)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            dict(versions=versions, date=str(date.today()), attacks=results),
            indent=1) + '\n')
    return not any(result['failed'] for result in results.values())


def table() -> str:
    """The table of all records, in Markdown."""
    records = [json.loads(path.read_text())
               for path in sorted((DOCS / 'attacks').glob('*.json'))]
    versions = [', '.join(f'{name} {version}'
                          for name, version in found['versions'].items())
                for found in records]
    lines = [
        '| attack | what happens | ' + ' | '.join(versions) + ' |',
        '|' + '---|' * (2 + len(records))
    ]
    for attack in ATTACKS:
        cells = [_cell(found['attacks'].get(attack.what)) for found in records]
        lines.append(
            f'| {attack.what} | {attack.holds} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _cell(result: Optional[Dict[str, int]]) -> str:
    if result is None:
        return 'not run'
    words = [f'{result["held"]} held']
    words += [f'{result[name]} {name}' for name in ('failed', 'skipped')
              if result[name]]
    return ', '.join(words)


def write_table() -> None:
    """Put the table into the documentation."""
    path = DOCS / 'reliability.md'
    before, rest = path.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    path.write_text(before + MARKS[0] + table() + MARKS[1] + after)


def main() -> None:
    parser = argparse.ArgumentParser(description='Attack the package')
    parser.add_argument('--record', type=Path, help='run, and write this file')
    parser.add_argument('-k', dest='words', help='only attacks that say this')
    parser.add_argument('--write-table', action='store_true')
    args = parser.parse_args()
    held = record(args.record, args.words) if args.record else True
    if args.write_table:
        write_table()
    sys.exit(not held)


if __name__ == '__main__':
    main()
