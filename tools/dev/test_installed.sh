#!/usr/bin/env bash
# Run the tests with the pytest on the PATH, on samix_mm as it is installed
# there:  tools/dev/test_installed.sh [arguments of pytest]
set -euo pipefail
cd "$(dirname "$0")/../.."

# With two threads each, two torch processes are ten times slower here.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
unset PYTHONPATH

# From a copy without the package's source, so that the wheel is tested.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r configs docs examples tests tools LICENSE README.md model-index.yml \
    pyproject.toml requirements*.txt "$copy"
cd "$copy"
pytest -n auto --maxprocesses 8 "$@"
