#!/usr/bin/env bash
# Set up everything, lint, check types, and test the package as installed.
#   tools/dev/test.sh [arguments of pytest]
# On other versions: nox (noxfile.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/dev/environment.sh requirements-dev.txt

export PATH="$PWD/.venv/bin:$PATH"
ruff check .
isort --check-only --quiet .
mypy
tools/dev/test_installed.sh "$@"
