#!/usr/bin/env bash
# Set up everything, lint, and test the package as it is installed.
#   tools/dev/test.sh [arguments of pytest]
# On other versions: nox (noxfile.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/dev/environment.sh requirements-dev.txt

export PATH="$PWD/.venv/bin:$PATH"
ruff check .
isort --check-only --quiet .
tools/dev/test_installed.sh "$@"
