from .digits import Digits
from .few_shot_folder import FewShotFolder

__all__ = ['Digits', 'FewShotFolder']
