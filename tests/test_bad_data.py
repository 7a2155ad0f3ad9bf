"""Images and folders that are not as they should be: training is right, or
an error says which file or class it is, and never does it wait for ever."""
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmpretrain.registry import TRANSFORMS
from torch.utils.data import BatchSampler

from tests.helpers.tiny import NUM_CLASSES, make_runner, model_cfg
from tests.helpers.tiny_ssl import moco_cfg

CONFIGS = Path(__file__).parents[1] / 'configs/_base_/datasets'
CROP = Config.fromfile(CONFIGS / 'cifar10_jpeg.py').train_pipeline
VIEWS = Config.fromfile(CONFIGS / 'cifar10_jpeg_ssl.py').train_pipeline
#: CUB-200's for smaller images.
RESIZE = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=36, edge='short'),
    dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.5, 1.0)),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
CACHED = [dict(type='CachedImageFromFile'), *CROP[1:]]
SIZE = 32
NORMALIZE = dict(mean=[120.] * 3, std=[60.] * 3)
CLASSIFIER = dict(model_cfg(), data_preprocessor=NORMALIZE)
MOCO = dict(
    moco_cfg(),
    data_preprocessor=dict(NORMALIZE, type='SelfSupDataPreprocessor'))
STACKED = dict(collate_fn=dict(type='default_collate'))
SSL = dict(STACKED, drop_last=True)
#: A worker that hangs becomes an error of the data loader.
WORKER = dict(num_workers=1, timeout=60)
NEEDS_OPENCV_5 = pytest.mark.skipif(
    int(cv2.__version__.split('.')[0]) < 5,
    reason='OpenCV 4 decodes what is there of a JPEG')


class Steps(Hook):
    """Keeps what goes into the steps of a training and what comes out."""

    def __init__(self):
        self.batches, self.shapes, self.losses = [], [], []

    def before_train(self, runner):
        runner.model.data_preprocessor.register_forward_hook(
            lambda module, args, out: self.shapes.append(out['inputs'].shape)
            if torch.is_tensor(out['inputs']) else None)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.batches.append(data_batch)

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.losses.append(float(outputs['loss']))

    @property
    def images(self):
        """Images, as they are handed to the model, by the names of files."""
        return {
            Path(sample.img_path).stem: image
            for batch in self.batches
            for image, sample in zip(batch['inputs'], batch['data_samples'])
        }

    @property
    def labels(self):
        """Labels of images by the names of folders."""
        return {
            Path(sample.img_path).parent.name: int(sample.gt_label)
            for batch in self.batches for sample in batch['data_samples']
        }

    def assert_made(self, number):
        assert len(self.losses) == number
        assert all(map(math.isfinite, self.losses))


def folder(root, pipeline=CROP):
    """Config of the data set of the images that :func:`fill` writes."""
    return dict(
        type='CustomDataset', data_root=f'{root}/images', pipeline=pipeline)


def runner_of(root, pipeline=CROP, model=CLASSIFIER, dataset=None,
              loader=None, **kwargs):
    """A run of one epoch on the images of a folder, and its steps."""
    dataset = dict(folder(root, pipeline), **(dataset or {}))
    runner = make_runner(
        root / 'work',
        model=model,
        max_epochs=1,
        dataloader=dict(
            dict(
                dataset=dataset,
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False)),
            **(loader or {})),
        **kwargs)
    steps = Steps()
    runner.register_hook(steps)
    return runner, steps


def noise(height=SIZE, width=SIZE, seed=0):
    return np.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def fill(root, classes='abcd', per_class=2):
    """Write sound images of each class."""
    for seed, name in enumerate(classes):
        for number in range(per_class):
            write(root / 'images' / name / f'{name}{number}.jpg',
                  noise(seed=seed))


def write_damaged(path, damage):
    """Write a JPEG that is not whole; its tables take 600 bytes."""
    write(path, noise())
    content = path.read_bytes()
    path.write_bytes({
        'cut in the tables': content[:300],
        'cut in the pixels': content[:-300],
        'empty': b'',
        'a web page': b'<html>404 Not Found</html>'
    }[damage])
    return path


class TestUnreadableFiles:

    @pytest.fixture
    def broken(self, tmp_path):
        fill(tmp_path)
        return write_damaged(
            tmp_path / 'images/c/broken.jpg', 'cut in the tables')

    @pytest.mark.parametrize('pipeline, loader, error, message', [
        (CROP, {}, AssertionError, 'failed to load image: {path}'),
        (CACHED, WORKER, OSError, '{path} cannot be read as an image; rest'),
    ], ids=['stock', 'cached-worker'])
    def test_a_truncated_jpeg_stops_training_and_is_named(
            self, broken, pipeline, loader, error, message):
        runner, steps = runner_of(
            broken.parents[2], pipeline, loader=dict(loader, batch_size=3))
        with pytest.raises(error) as info:
            runner.train()
        assert message.format(path=broken) in str(info.value)
        steps.assert_made(1)

    def test_a_truncated_jpeg_of_two_views_is_named(self, broken):
        runner, _ = runner_of(broken.parents[2], VIEWS, MOCO, loader=SSL)
        with pytest.raises(AssertionError, match=f'load image: {broken}'):
            runner.train()

    def test_training_without_it_if_the_user_wants_that(self, broken):
        pipeline = [dict(CACHED[0], ignore_empty=True), *CACHED[1:]]
        runner, steps = runner_of(
            broken.parents[2], pipeline, loader=dict(batch_size=3))
        runner.train()
        steps.assert_made(3)
        assert 'broken' not in steps.images

    @pytest.mark.parametrize('backend', ['cv2', 'pillow'])
    @pytest.mark.parametrize('damage', [
        'cut in the tables', 'empty', 'a web page',
        pytest.param('cut in the pixels', marks=NEEDS_OPENCV_5)
    ])
    def test_the_cached_loader_names_all_of_them(self, tmp_path, damage,
                                                 backend):
        path = write_damaged(tmp_path / 'x.jpg', damage)
        load = TRANSFORMS.build(
            dict(type='CachedImageFromFile', imdecode_backend=backend))
        with pytest.raises(
                OSError, match=f'^{path} cannot be read .* ignore_empty=True'):
            load(dict(img_path=str(path)))
        load.ignore_empty = True
        assert load(dict(img_path=str(path))) is None

    @pytest.mark.parametrize('kind', [
        'LoadImageFromFile', 'CachedImageFromFile'])
    def test_a_file_that_is_gone_is_named(self, tmp_path, kind):
        load = TRANSFORMS.build(dict(type=kind))
        with pytest.raises(FileNotFoundError, match=f'{tmp_path}/gone.jpg'):
            load(dict(img_path=f'{tmp_path}/gone.jpg'))

    @pytest.mark.parametrize('damage', [
        'a web page', pytest.param('cut in the pixels', marks=NEEDS_OPENCV_5)
    ])
    def test_the_stock_loader_names_what_opencv_refuses(self, tmp_path,
                                                        damage):
        path = write_damaged(tmp_path / 'x.jpg', damage)
        load = TRANSFORMS.build(dict(type='LoadImageFromFile'))
        with pytest.raises(AssertionError, match=f'load image: {path}'):
            load(dict(img_path=str(path)))

    def test_the_stock_loader_does_not_name_an_empty_file(self, tmp_path):
        """OpenCV raises for it, and only the cached loader adds the name."""
        path = write_damaged(tmp_path / 'x.jpg', 'empty')
        load = TRANSFORMS.build(dict(type='LoadImageFromFile'))
        with pytest.raises(cv2.error, match='empty') as info:
            load(dict(img_path=str(path)))
        assert str(path) not in str(info.value)


class TestUnusualImages:

    def test_channels_and_depths_become_three_of_8_bits(self, tmp_path):
        fill(tmp_path)
        grey = np.full((SIZE, SIZE), 77, np.uint8)
        colour = np.full((SIZE, SIZE, 3), (10, 20, 30), np.uint8)
        half = np.full((SIZE, SIZE, 1), 128, np.uint8)
        for name, image in dict(
                grey=grey, rgba=np.dstack([colour, half]),
                deep=colour.astype(np.uint16) * 257,
                deep_grey=grey.astype(np.uint16) * 257).items():
            write(tmp_path / 'images/a' / f'{name}.png', image)
        write(tmp_path / 'images/a/grey_jpeg.jpg', grey)
        runner, steps = runner_of(
            tmp_path, loader=dict(STACKED, batch_size=5))
        runner.train()
        steps.assert_made(3)
        images = steps.images
        for name, expected in dict(
                grey=[77] * 3, grey_jpeg=[77] * 3, deep_grey=[77] * 3,
                rgba=[10, 20, 30], deep=[10, 20, 30]).items():
            image = images[name]
            assert image.shape == (3, SIZE, SIZE), name
            assert image.dtype == torch.uint8, name
            # the border is what RandomCrop has padded
            assert image[:, 16, 16].tolist() == expected, name

    @pytest.fixture
    def small_and_wide(self, tmp_path):
        fill(tmp_path)
        for height, width in ((1, 1), (2, 400), (400, 2)):
            write(tmp_path / 'images/b' / f'{height}x{width}.png',
                  noise(height, width))
        write(tmp_path / 'images/b/grey.png', noise()[..., 0])
        return tmp_path

    @pytest.mark.parametrize('pipeline, collate', [(CROP, {}),
                                                   (RESIZE, STACKED)],
                             ids=['padded', 'resized'])
    def test_sizes_become_that_of_the_others(self, small_and_wide, pipeline,
                                             collate):
        runner, steps = runner_of(
            small_and_wide, pipeline, loader=dict(collate, batch_size=6))
        runner.train()
        steps.assert_made(2)
        assert steps.shapes == [(6, 3, SIZE, SIZE)] * 2
        assert {'1x1', '2x400', '400x2'} < set(steps.images)

    def test_default_collate_needs_one_size_and_says_which_it_got(
            self, small_and_wide):
        """It does not know the files; a ``Resize`` mends all of them."""
        runner, _ = runner_of(
            small_and_wide, loader=dict(STACKED, batch_size=6))
        with pytest.raises(RuntimeError, match=r'equal size, but got \[3, 3'):
            runner.train()

    def test_two_views_of_them(self, small_and_wide):
        runner, steps = runner_of(
            small_and_wide, VIEWS, MOCO, loader=dict(SSL, batch_size=6))
        runner.train()
        steps.assert_made(2)
        assert [view.shape for view in steps.batches[0]['inputs']] == [
            (6, 3, SIZE, SIZE)] * 2


class TestClasses:

    def test_an_empty_class_is_warned_of_and_keeps_its_number(self, tmp_path):
        fill(tmp_path, 'abd')
        (tmp_path / 'images/c_of_nothing').mkdir()
        runner, steps = runner_of(tmp_path, log_level='WARNING')
        runner.train()
        steps.assert_made(2)
        assert steps.labels == dict(a=0, b=1, d=3)
        log, = Path(runner._log_dir).glob('*.log')
        assert 'no valid file in the folder c_of_nothing' in log.read_text()

    def test_a_folder_without_images_is_named(self, tmp_path):
        (tmp_path / 'images/a').mkdir(parents=True)
        runner, _ = runner_of(tmp_path)
        with pytest.raises(RuntimeError, match=f'Found 0 .*{tmp_path}/images'):
            runner.train()

    @pytest.mark.parametrize('hooks', [
        ('EMAMomentumHook', ), ('EMAMomentumHook', 'ExactResumeHook')
    ], ids=['plain', 'seeded'])
    def test_more_classes_than_the_head_has_are_named(self, tmp_path, hooks):
        fill(tmp_path, [*'abcd', 'zebra'])
        runner, steps = runner_of(
            tmp_path, hooks=[dict(type=hook) for hook in hooks])
        with pytest.raises(ValueError) as info:
            runner.train()
        assert str(info.value) == (
            f"{tmp_path}/images/zebra/zebra0.jpg has the label 4 ('zebra'), "
            'but model.head.num_classes=4 allows 0 to 3 (2 of 10 images have '
            'such labels); set model.head.num_classes to the number of '
            'classes, or take these images out of the training data')
        steps.assert_made(0)

    def test_more_names_than_the_head_has_classes_are_no_error(self, tmp_path):
        fill(tmp_path)
        (tmp_path / 'images/empty').mkdir()
        runner, steps = runner_of(tmp_path)
        runner.train()
        steps.assert_made(2)

    @pytest.mark.parametrize('label', [NUM_CLASSES, -1])
    def test_a_wrong_label_of_a_list_names_the_file(self, tmp_path, label):
        fill(tmp_path)
        (tmp_path / 'list.txt').write_text(
            f'a/a0.jpg 0\nb/b0.jpg 1\nc/c0.jpg {label}\nd/d0.jpg 3')
        runner, steps = runner_of(
            tmp_path, dataset=dict(ann_file=f'{tmp_path}/list.txt'))
        with pytest.raises(
                ValueError, match=rf'c/c0.jpg has the label {label}, .* \(1 '):
            runner.train()
        steps.assert_made(0)

    def test_a_wrong_label_of_one_of_several_data_sets(self, tmp_path):
        fill(tmp_path)
        for name, label in dict(one=3, two=9).items():
            (tmp_path / name).write_text(f'a/a0.jpg 0\nb/b0.jpg {label}')
        both = [
            dict(folder(tmp_path), ann_file=f'{tmp_path}/{name}')
            for name in ('one', 'two')
        ]
        runner, _ = runner_of(
            tmp_path,
            loader=dict(dataset=dict(type='ConcatDataset', datasets=both)))
        with pytest.raises(ValueError, match='b/b0.jpg has the label 9, but'):
            runner.train()

    def test_names_that_repeat_do_not_merge_classes(self, tmp_path):
        """As two kinds of cranes are among ImageNet's classes."""
        fill(tmp_path)
        runner, steps = runner_of(
            tmp_path,
            dataset=dict(classes=('crane', 'cat', 'crane', 'dog')))
        runner.train()
        steps.assert_made(2)
        assert steps.labels == dict(a=0, b=1, c=2, d=3)


class TestFewImages:

    def test_fewer_than_a_batch_make_one_step(self, tmp_path):
        fill(tmp_path, 'abc', 1)
        runner, steps = runner_of(tmp_path)
        runner.train()
        steps.assert_made(1)
        assert steps.shapes == [(3, 3, SIZE, SIZE)]

    @pytest.mark.parametrize('model, pipeline, loader', [
        (CLASSIFIER, CROP, dict(drop_last=True)), (MOCO, VIEWS, SSL),
    ], ids=['classifier', 'moco'])
    @pytest.mark.parametrize('train_cfg', [
        dict(by_epoch=True, max_epochs=1), dict(by_epoch=False, max_iters=2),
    ], ids=['epochs', 'iterations'])
    def test_fewer_than_a_batch_that_is_dropped(self, tmp_path, model,
                                                pipeline, loader, train_cfg):
        fill(tmp_path, 'abc', 1)
        runner, _ = runner_of(
            tmp_path, pipeline, model, loader=loader, train_cfg=train_cfg)
        with pytest.raises(
                ValueError, match='has 3 images, fewer than one batch of 4, '
                'and train_dataloader.drop_last=True .* lower '):
            runner.train()

    def test_mmengine_is_first_with_a_schedule_by_iterations(self, tmp_path):
        """It makes the schedule before any hook is called."""
        fill(tmp_path, 'abc', 1)
        runner, _ = runner_of(
            tmp_path,
            loader=dict(drop_last=True),
            param_scheduler=dict(
                type='LinearLR', by_epoch=True, end=1,
                convert_to_iter_based=True))
        with pytest.raises(AssertionError, match='epoch_length.*but got 0'):
            runner.train()

    def test_a_batch_sampler_of_its_own_is_left_alone(self, tmp_path):
        fill(tmp_path)
        runner, steps = runner_of(
            tmp_path,
            loader=dict(batch_sampler=dict(type=BatchSampler, drop_last=True)))
        runner.train()
        steps.assert_made(2)

    def test_fewer_than_clusters(self, tmp_path):
        fill(tmp_path)
        runner, steps = runner_of(
            tmp_path, VIEWS,
            dict(
                MOCO,
                objective=dict(type='ClusterObjective', num_clusters=9)),
            loader=SSL)
        with pytest.raises(
                ValueError, match='num_clusters must be at most the number '
                'of images, 8, got 9'):
            runner.train()
        steps.assert_made(0)
