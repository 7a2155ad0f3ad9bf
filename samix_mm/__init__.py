"""SAMix, scenario-agnostic mixup, for MMEngine and MMPretrain.

Importing the package registers its components in MMEngine's root registries,
so that a config finds them by their bare names under
``default_scope='mmpretrain'`` and ``default_scope='mmselfsup'`` alike::

    custom_imports = dict(imports=['samix_mm'])

Paper: `Boosting Discriminative Visual Representation Learning with
Scenario-Agnostic Mixup <https://arxiv.org/abs/2111.15454>`_.
"""
from .compat import allow_package_bases, require_mm_packages

require_mm_packages()
allow_package_bases()

from . import checkpoint, datasets, engine, models, registry  # noqa: E402,F401
from .version import __version__  # noqa: E402

__all__ = ['__version__']
