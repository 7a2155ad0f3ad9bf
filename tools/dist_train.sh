#!/usr/bin/env bash
# Train with several processes on one machine or more, with gloo where there
# is no GPU:  tools/dist_train.sh CONFIG PROCESSES [arguments of train.py]
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [arguments of train.py]" >&2
    exit 2
fi
tools=$(cd "$(dirname "$0")" && pwd)

# In a clone that is not installed, its own package.
PYTHONPATH="$tools/..:${PYTHONPATH:-}" \
python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$2" \
    "${SCRIPT:-$tools/train.py}" "$1" --launcher pytorch "${@:3}"
