"""Median accuracy of the last epochs of trainings, as the paper reports it.

Usage: ``python tools/analysis/median_accuracy.py WORK_DIR [WORK_DIR ...]``

Prints a JSON object a line: the work directory, the median of its last
validations (Sec. 4.1 takes the last ten epochs) and how many there were.
"""
import argparse
import json
from pathlib import Path
from statistics import median
from typing import List


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Median of last validations')
    parser.add_argument('work_dirs', nargs='+', type=Path)
    parser.add_argument('--last', type=int, default=10, help='default: 10')
    parser.add_argument(
        '--metric', default='accuracy/top1', help='default: accuracy/top1')
    return parser.parse_args()


def validations(work_dir: Path, metric: str) -> List[float]:
    """Values of a metric in the order of training, over resumed runs."""
    by_step = {}
    for log in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in log.read_text().splitlines():
            record = json.loads(line)
            if metric in record:
                by_step[record['step']] = record[metric]
    return [by_step[step] for step in sorted(by_step)]


if __name__ == '__main__':
    args = parse_args()
    for work_dir in args.work_dirs:
        values = validations(work_dir, args.metric)[-args.last:]
        print(json.dumps(dict(
            work_dir=str(work_dir),
            median=median(values) if values else None,
            validations=len(values))))
