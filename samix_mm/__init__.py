"""SAMix, scenario-agnostic mixup, for MMEngine and MMPretrain.

Importing the package registers its components such that a config finds them
by their bare names under ``default_scope='mmpretrain'`` and
``default_scope='mmselfsup'`` alike::

    custom_imports = dict(imports=['samix_mm'])

What else the import changes is listed by ``python -m samix_mm.compat``.

Paper: `Boosting Discriminative Visual Representation Learning with
Scenario-Agnostic Mixup <https://arxiv.org/abs/2111.15454>`_.
"""
from .compat import apply_workarounds

# The first of them says which package is missing, before it is imported.
apply_workarounds()

from . import (checkpoints, datasets, engine, evaluation,  # noqa: E402,F401
               models, registry)
from .version import __version__  # noqa: E402

__all__ = ['__version__']
