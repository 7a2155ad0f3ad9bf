from typing import Dict, Optional

import numpy as np
from mmcv.transforms import LoadImageFromFile

from ...registry import TRANSFORMS
from ...utils.validation import is_number


@TRANSFORMS.register_module()
class CachedImageFromFile(LoadImageFromFile):
    """``LoadImageFromFile`` that keeps small data sets in memory.

    Each image is read and decoded once in each worker process of the data
    loader. That needs ``persistent_workers=True``, or the memory is gone
    after an epoch. Once the memory is full, other images are read from their
    files as before.

    Whatever a decoder says of a file that it cannot read, the error names the
    file. OpenCV before version 5 does not complain of a JPEG that ends too
    early: its last rows are grey.

    Required and added keys are those of ``LoadImageFromFile``.

    Args:
        max_megabytes (float): How much memory a worker may take, above 0.
            The 50,000 images of CIFAR take 150 MB. Defaults to 512.
        **kwargs: Arguments of ``LoadImageFromFile``.

    Raises:
        ValueError: If ``max_megabytes`` is not above 0.
    """

    def __init__(self, max_megabytes: float = 512., **kwargs) -> None:
        super().__init__(**kwargs)
        if not (is_number(max_megabytes) and max_megabytes > 0):
            raise ValueError('max_megabytes must be above 0, got '
                             f'{max_megabytes!r}')
        self.max_megabytes = max_megabytes
        self._images: Dict[str, np.ndarray] = {}
        self._free = max_megabytes * 2**20

    def transform(self, results: dict) -> Optional[dict]:
        """Take an image from memory, or load it.

        Args:
            results (dict): With ``img_path``.

        Returns:
            dict | None: The same with ``img``, ``img_shape`` and
            ``ori_shape``; None for a file that cannot be read, with
            ``ignore_empty``.

        Raises:
            OSError: If the file cannot be read, without ``ignore_empty``.
        """
        path = results['img_path']
        if path not in self._images:
            loaded = self._load(results)
            if loaded is None or loaded['img'].nbytes > self._free:
                return loaded
            self._images[path] = loaded['img']
            self._free -= loaded['img'].nbytes
        # A copy, since later transforms may work in place.
        img = self._images[path].copy()
        results.update(
            img=img, img_shape=img.shape[:2], ori_shape=img.shape[:2])
        return results

    def _load(self, results: dict) -> Optional[dict]:
        """Load an image; a file that cannot be read is named."""
        try:
            return super().transform(results)
        except Exception as error:  # decoders raise all kinds
            if getattr(error, 'filename', None):
                raise  # the system names it
            # LoadImageFromFile forgets ignore_empty if OpenCV gives no image
            if self.ignore_empty:
                return None
            raise OSError(
                f"{results['img_path']} cannot be read as an image; restore "
                'the file, take it out of the data set, or pass '
                'ignore_empty=True to train without it') from error

    def __getstate__(self) -> dict:
        """Leave the images out of what spawned workers are sent."""
        state = dict(self.__dict__, _images={})
        return dict(state, _free=self.max_megabytes * 2**20)
