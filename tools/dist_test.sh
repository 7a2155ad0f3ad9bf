#!/usr/bin/env bash
# Test with several processes:
#   tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of test.py]
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT PROCESSES [arguments of test.py]" >&2
    exit 2
fi
tools=$(cd "$(dirname "$0")" && pwd)

# The checkpoint is the second positional argument of test.py.
SCRIPT="$tools/test.py" "$tools/dist_train.sh" "$1" "$3" "$2" "${@:4}"
