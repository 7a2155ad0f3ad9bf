"""The tests on several versions of Python, PyTorch and the MM packages.

``nox`` runs all of them, ``nox -s py312-onedl -- tests/test_launch.py`` one of
them with arguments of pytest. Each has an environment of its own (6 GB) and
tests the wheel that is built from this checkout. The Pythons must be on the
PATH; those that are not there are left out.
"""
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Dict, Optional

import nox

ROOT = Path(__file__).parent
#: What a build needs.
SOURCE = ('samix_mm', 'configs', 'tools', 'setup.py', 'pyproject.toml',
          'MANIFEST.in', 'LICENSE', 'README.md', 'model-index.yml')
LINTERS = ('ruff', 'isort', 'mypy', 'nox')
#: In place of a requirement: the newest that pip finds.
NEWEST = ''

nox.needs_version = '>=2024.3.2'


@nox.session(name='py310-torch2.1', python='3.10')
def oldest(session: nox.Session) -> None:
    """The oldest versions that are tested."""
    run_tests(
        session, {
            'torch': 'torch==2.1.2',
            'torchvision': 'torchvision==0.16.2',
            'numpy': 'numpy<2',
            'mmcv-lite': 'mmcv-lite==2.0.1',
            # the pinned ones need Python 3.11
            'scikit-learn': NEWEST,
            'hypothesis': NEWEST,
        })


@nox.session(name='py311-pinned', python='3.11')
def pinned(session: nox.Session) -> None:
    """What the README's commands install."""
    run_tests(session, {})


@nox.session(name='py312-onedl', python='3.12')
def onedl(session: nox.Session) -> None:
    """The maintained forks of the MM packages, under the same import names."""
    run_tests(
        session, {
            'mmengine': 'onedl-mmengine==0.10.12',
            'mmcv-lite': 'onedl-mmcv==2.3.6',
            'mmpretrain': 'onedl-mmpretrain==1.3.6',
        })


@nox.session(name='py313-newest', python='3.13')
def newest(session: nox.Session) -> None:
    """The newest PyTorch and NumPy."""
    run_tests(
        session,
        dict.fromkeys(
            ('torch', 'torchvision', 'numpy', 'scikit-learn', 'tensorboard'),
            NEWEST))


def run_tests(session: nox.Session, changes: Dict[str, str]) -> None:
    """Install, and run the tests as ``tools/dev/test.sh`` does.

    Args:
        session (nox.Session): With arguments of pytest.
        changes (Dict[str, str]): What is installed in place of the pinned
            requirements, by their names.
    """
    lines = requirements()
    for name in LINTERS:
        del lines[name]
    for name, line in changes.items():
        lines[name] = name if line == NEWEST else line
    # In one command, or openmim's requirements bring an old setuptools; and
    # MMCV without its operators, which would have to be compiled.
    session.install(*lines.values(), env=dict(MMCV_WITH_OPS='0'))
    with TemporaryDirectory() as folder:
        copy_source(Path(folder))
        session.install('--no-deps', '--no-build-isolation',
                        '--force-reinstall', folder)
    session.run('python', '-m', 'pip', 'list')
    session.run(
        'bash',
        str(ROOT / 'tools/dev/test_installed.sh'),
        *session.posargs,
        external=True)


def requirements(name: str = 'requirements-dev.txt') -> Dict[str, str]:
    """The lines of a requirements file and those it includes, by package."""
    lines = {}
    for line in (ROOT / name).read_text().splitlines():
        included: Optional[re.Match] = re.match(r'-r (\S+)', line)
        package = re.match(r'[\w-]+', line)
        if included:
            lines.update(requirements(included[1]))
        elif package:
            lines[package[0]] = line
    return lines


def copy_source(folder: Path) -> None:
    """Copy what is built: two builds in one folder would disturb another."""
    for part in SOURCE:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part)
        else:
            shutil.copy(ROOT / part, folder)
