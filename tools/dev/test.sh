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
pytest "$@"
