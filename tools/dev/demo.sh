#!/usr/bin/env bash
# Set up everything and train SAMix on scikit-learn's digits.
#   tools/dev/demo.sh [arguments of train.py]
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
tools/dev/environment.sh requirements.txt

# What mim finds by its bare name is the installed package, as for any user.
export PATH="$root/.venv/bin:$PATH"
work_dir=${WORK_DIR:-$root/work_dirs/samix_digits_r18}
mim train samix_mm samix_digits_r18.py --work-dir "$work_dir" "$@"

python - "$work_dir" <<'PYTHON'
import json
import sys
from pathlib import Path

work_dir = Path(sys.argv[1])
run = max(work_dir.glob('*/vis_data'), key=lambda path: path.stat().st_mtime)
records = [json.loads(line) for line in open(run / 'scalars.json')]
accuracy = [r['accuracy/top1'] for r in records if 'accuracy/top1' in r][-1]
pictures = sorted((run / 'vis_image').glob('*.png'))
print(f'\nFinal top-1 accuracy on the 360 test digits: {accuracy:.2f} %')
print(f'Checkpoints: {work_dir}')
print(f'{len(pictures)} pictures of mixed samples: {run / "vis_image"}')
PYTHON
