#!/usr/bin/env bash
# Mutate losses, necks and what algorithms are made of, and count the mutants that the tests
# of models notice:  tools/dev/mutation.sh [arguments of mutmut run]
# An hour or more on two cores. Survivors are in the list that it prints.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/dev/environment.sh requirements-dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    mutmut==3.8.1
export PATH="$PWD/.venv/bin:$PATH" OMP_NUM_THREADS=1
unset PYTHONPATH

copy=${WORK_DIR:-$(mktemp -d)}
cp -r configs docs samix_mm tests tools LICENSE README.md model-index.yml \
    "$copy"
cd "$copy"
cat > setup.cfg << 'EOF'
[mutmut]
source_paths=
    samix_mm
only_mutate=
    samix_mm/models/losses/*
    samix_mm/models/necks/*
    samix_mm/models/mixing/*
    samix_mm/models/encoders/*
    samix_mm/models/clusters/*
    samix_mm/models/train_step/*
    samix_mm/utils/*
also_copy=
    configs
    README.md
pytest_add_cli_args_test_selection=
    tests/test_models
    tests/test_utils
    tests/test_properties.py
    tests/test_configs/test_wrong_configs.py
pytest_add_cli_args=
    -pno:cacheprovider
    --deselect=tests/test_models/test_classifiers/test_two_processes.py
    --deselect=tests/test_models/test_selfsup/test_two_processes.py
timeout_constant=20
use_git_change_detection=false
EOF
mutmut run "$@" > mutmut.log || true
mutmut results --all true > results.txt
sed -nE 's/.*: (.*)$/\1/p' results.txt | sort | uniq -c
grep survived results.txt || true
