"""Give a backbone to torchvision, timm or MMDetection.

Usage: ``python tools/model_converters/backbone_to_torchvision.py
work_dirs/x/epoch_200.pth backbone.pth`` writes a plain state dict, for
``resnet50().load_state_dict(torch.load('backbone.pth'), strict=False)``.
Only ``fc`` is missing.
"""
import argparse

import torch

from samix_mm.checkpoints.converters import backbone_state, to_torchvision
from samix_mm.checkpoints.loading import load_checkpoint


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write the ResNet or ResNeXt of a checkpoint under '
        "torchvision's names")
    parser.add_argument('in_file', help='checkpoint of a training')
    parser.add_argument('out_file', help='where to write the state dict')
    parser.add_argument(
        '--prefix', default='backbone.',
        help="what the backbone's keys begin with, default: backbone.")
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()
    checkpoint = load_checkpoint(args.in_file, map_location='cpu')
    weights = to_torchvision(backbone_state(checkpoint, args.prefix))
    torch.save(weights, args.out_file)
    print(f'{args.out_file}: {len(weights)} tensors')
