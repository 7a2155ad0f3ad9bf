#!/usr/bin/env bash
# Make .venv in the repository root, or reuse it, and install this checkout
# into it from a wheel:  tools/dev/environment.sh [REQUIREMENTS_FILE]
set -euo pipefail
cd "$(dirname "$0")/../.."
requirements=${1:-requirements.txt}

[ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv

# Installing what is installed already costs half a minute; a stamp saves it.
versions=$(cat requirements*.txt | sha256sum | cut -c1-12)
stamp=.venv/.installed-$versions-$requirements
# The developer's requirements contain the user's.
if [ ! -e "$stamp" ] && [ ! -e ".venv/.installed-$versions-requirements-dev.txt" ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        -r "$requirements" 'setuptools>=77.0.3,<82' wheel
    touch "$stamp"
fi

rm -rf build dist
.venv/bin/python -m pip wheel --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --wheel-dir dist .
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --force-reinstall dist/samix_mm-*.whl
rm -rf build
