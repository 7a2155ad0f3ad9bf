"""Make a checkpoint that stock MMPretrain loads.

Usage: ``python tools/publish_model.py work_dirs/x/epoch_300.pth x.pth``
writes ``x-<hash>.pth`` and prints its path. The file holds the weights, the
names of the classes, the epoch, the iteration and the version of MMEngine.
"""
import argparse

from samix_mm.checkpoints.publishing import publish_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Strip the optimizer, the Mixer and the momentum network '
        'from a checkpoint, and put its hash into the file name')
    parser.add_argument('in_file', help='checkpoint of a training')
    parser.add_argument('out_file', help='where to write, without the hash')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()
    print(publish_checkpoint(args.in_file, args.out_file))
