from .digits import Digits
from .few_shot_folder import FewShotFolder
from .inaturalist2017 import INaturalist2017
from .stl10 import STL10
from .tiny_imagenet import TinyImageNet
from .transforms import CachedImageFromFile

__all__ = [
    'CachedImageFromFile', 'Digits', 'FewShotFolder', 'INaturalist2017',
    'STL10', 'TinyImageNet'
]
