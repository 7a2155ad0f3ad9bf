"""Give a backbone to Detectron2, for MoCo's detection protocol.

Usage: ``python tools/model_converters/backbone_to_detectron2.py
work_dirs/x/epoch_200.pth backbone.pkl`` writes what MoCo's own converter
does, for ``train_net.py ... MODEL.WEIGHTS backbone.pkl``. The config needs
``MODEL.RESNETS.STRIDE_IN_1X1 False`` and ``INPUT.FORMAT RGB``.
"""
import argparse
import pickle

from samix_mm.checkpoints.converters import backbone_state, to_detectron2
from samix_mm.checkpoints.loading import load_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write the ResNet or ResNeXt of a checkpoint under '
        "Detectron2's names")
    parser.add_argument('in_file', help='checkpoint of a training')
    parser.add_argument('out_file', help='where to write, with suffix .pkl')
    parser.add_argument(
        '--prefix', default='backbone.',
        help="what the backbone's keys begin with, default: backbone.")
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()
    checkpoint = load_checkpoint(args.in_file, map_location='cpu')
    weights = to_detectron2(backbone_state(checkpoint, args.prefix))
    # matching_heuristics: Detectron2 finds res5 in the RoI heads by it
    converted = dict(
        model=weights, __author__='samix_mm', matching_heuristics=True)
    with open(args.out_file, 'wb') as file:
        pickle.dump(converted, file)
    print(f'{args.out_file}: {len(weights)} arrays')
