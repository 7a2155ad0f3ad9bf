"""Data sets of a few random images, laid out as the real ones are on disk.

Each function fills one folder; :data:`LAYOUTS` has them by the paths at
which the configs look for the data.
"""
import json
import pickle
from pathlib import Path

import cv2
import numpy as np

SIZE = 72


def write_image(path: Path, size: int = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    image = rng.integers(0, 256, (size, size + 5, 3), dtype=np.uint8)
    # OpenCV knows the format by the suffix, in small letters or capitals.
    assert cv2.imwrite(str(path), image)


def cifar100(root: Path) -> None:
    folder = root / 'cifar-100-python'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        pixels = rng.integers(0, 256, (4, 3 * 32 * 32), dtype=np.uint8)
        (folder / split).write_bytes(
            pickle.dumps(dict(data=pixels, fine_labels=[0, 42, 7, 99])))


def cifar10_jpeg(root: Path) -> None:
    for split in ('train', 'test'):
        for label in range(10):
            for number in range(2):
                path = root / split / f'class{label}' / f'{number:04}.jpg'
                path.parent.mkdir(parents=True, exist_ok=True)
                image = np.full((32, 32, 3), 20 * label + number, np.uint8)
                assert cv2.imwrite(str(path), image)


def imagenet(root: Path) -> None:
    (root / 'meta').mkdir(parents=True)
    for split in ('train', 'val'):
        lines = []
        for number, label in enumerate((0, 1, 500, 999)):
            write_image(root / split / f'{number}.JPEG')
            lines.append(f'{number}.JPEG {label}')
        (root / 'meta' / f'{split}.txt').write_text('\n'.join(lines))


def tiny_imagenet(root: Path, num_classes: int = 200) -> None:
    names = [f'n{label:08}' for label in range(num_classes)]
    root.mkdir(parents=True)
    (root / 'wnids.txt').write_text('\n'.join(names) + '\n')
    rows = []
    for number, name in enumerate((names[0], names[1], names[-2], names[-1])):
        write_image(root / 'train' / name / 'images' / f'{name}_0.JPEG', 64)
        write_image(root / 'val' / 'images' / f'val_{number}.JPEG', 64)
        rows.append(f'val_{number}.JPEG\t{name}\t0\t0\t63\t63')
    (root / 'val' / 'val_annotations.txt').write_text('\n'.join(rows) + '\n')


def cub(root: Path) -> None:
    files, labels, splits = [], [], []
    for number in range(8):
        file = f'{number:03}.Bird/{number}.jpg'
        write_image(root / 'images' / file)
        files.append(f'{number + 1} {file}')
        labels.append(f'{number + 1} {25 * number + 1}')
        splits.append(f'{number + 1} {number % 2}')
    for name, lines in (('images', files), ('image_class_labels', labels),
                        ('train_test_split', splits)):
        (root / f'{name}.txt').write_text('\n'.join(lines))


def aircraft(root: Path) -> None:
    data = root / 'data'
    for first, split in ((0, 'trainval'), (4, 'test')):
        lines = []
        for number in range(first, first + 4):
            write_image(data / 'images' / f'{number}.jpg')
            lines.append(f'{number} {("707-320", "A380")[number % 2]}')
        (data / f'images_variant_{split}.txt').write_text('\n'.join(lines))


def inaturalist2017(root: Path, num_classes: int = 5089) -> None:
    categories = [dict(id=label, name=f'species {label}')
                  for label in range(num_classes)]
    for split in ('train', 'val'):
        images, annotations = [], []
        for number, label in enumerate((0, 1, num_classes - 1, 1)):
            file = f'train_val_images/Aves/species {label}/{split}{number}.jpg'
            write_image(root / file)
            images.append(dict(id=number + 1, file_name=file))
            annotations.append(
                dict(id=number, image_id=number + 1, category_id=label))
        (root / f'{split}2017.json').write_text(
            json.dumps(
                dict(
                    images=images,
                    annotations=annotations,
                    categories=categories)))


def stl10(root: Path) -> None:
    """All of the published images: a few random ones, the others black."""
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, number in (('train', 5_000), ('test', 8_000),
                          ('unlabeled', 100_000)):
        pixels = rng.integers(0, 256, (8, 3, 96, 96), dtype=np.uint8)
        with open(root / f'{split}_X.bin', 'wb') as file:
            file.write(pixels.tobytes())
            # A file with a hole: its 2.8 GB take no room on the disk.
            file.truncate(number * 3 * 96 * 96)
        if split != 'unlabeled':
            labels = rng.integers(1, 11, number, dtype=np.uint8)
            (root / f'{split}_y.bin').write_bytes(labels.tobytes())


LAYOUTS = {
    'data/cifar100': cifar100,
    'data/cifar10-jpeg': cifar10_jpeg,
    'data/imagenet': imagenet,
    'data/tiny-imagenet-200': tiny_imagenet,
    'data/CUB_200_2011': cub,
    'data/fgvc-aircraft-2013b': aircraft,
    'data/inaturalist2017': inaturalist2017,
    'data/stl10_binary': stl10,
}
