#!/usr/bin/env bash
# Set up everything, lint, and test the package as it is installed.
#   tools/dev/test.sh [arguments of pytest]
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/dev/environment.sh requirements-dev.txt

# With two threads each, two torch processes are ten times slower here.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export PATH="$PWD/.venv/bin:$PATH"
unset PYTHONPATH
ruff check .
isort --check-only --quiet .

# From a copy without the package's source, so that the wheel is tested.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r configs docs tests tools LICENSE README.md model-index.yml \
    pyproject.toml requirements*.txt "$copy"
cd "$copy"
pytest -n auto --maxprocesses 8 "$@"
