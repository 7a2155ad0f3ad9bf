"""SAMix, scenario-agnostic mixup, for MMEngine and MMPretrain.

Importing the package registers its components in MMEngine's root registries,
so that a config finds them by their bare names under
``default_scope='mmpretrain'`` and ``default_scope='mmselfsup'`` alike::

    custom_imports = dict(imports=['samix_mm'])

Paper: `Boosting Discriminative Visual Representation Learning with
Scenario-Agnostic Mixup <https://arxiv.org/abs/2111.15454>`_.
"""
from .compat.workarounds import (allow_package_bases, mend_mmselfsup,
                                 mend_negative_hue, mend_scoped_collate,
                                 require_mm_packages)

require_mm_packages()
allow_package_bases()
mend_mmselfsup()
mend_negative_hue()
mend_scoped_collate()

from . import (checkpoints, datasets, engine, evaluation,  # noqa: E402,F401
               models, registry)
from .checkpoints.resuming import resume_from_whole_checkpoints  # noqa: E402
from .compat.cpu_processes import allow_cpu_processes  # noqa: E402
from .version import __version__  # noqa: E402

allow_cpu_processes()
resume_from_whole_checkpoints()

__all__ = ['__version__']
