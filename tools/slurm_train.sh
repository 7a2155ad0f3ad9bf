#!/usr/bin/env bash
# Train with slurm:
#   GPUS=8 tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments]
# DRY_RUN=1, or --dry-run among the arguments, prints the srun line instead of
# running it.
set -euo pipefail

arguments=()
for argument in "$@"; do
    if [ "$argument" = --dry-run ]; then
        DRY_RUN=1
    else
        arguments+=("$argument")
    fi
done
set -- "${arguments[@]}"

if [ $# -lt 4 ]; then
    echo "usage: $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments of train.py]" >&2
    exit 2
fi
tools=$(cd "$(dirname "$0")" && pwd)
gpus=${GPUS:-8}
gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}

# shellcheck disable=SC2206  # SRUN_ARGS is a list of words
command=(srun -p "$1" --job-name="$2"
    --gres="gpu:$gpus_per_node"
    --ntasks="$gpus"
    --ntasks-per-node="$gpus_per_node"
    --cpus-per-task="${CPUS_PER_TASK:-5}"
    --kill-on-bad-exit=1
    ${SRUN_ARGS:-}
    python -u "$tools/train.py" "$3" --work-dir "$4" --launcher slurm "${@:5}")

export PYTHONPATH="$tools/..:${PYTHONPATH:-}"
if [ -n "${DRY_RUN:-}" ]; then
    echo "${command[*]}"
else
    exec "${command[@]}"
fi
