"""Build samix_mm, with configs and tools where mim looks for them.

mim finds them at ``<package>/.mim/{configs,tools}``. They live at the top of
the repository; a build copies them, an editable installation links them.
"""
import os
import os.path as osp
import shutil
from runpy import run_path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = osp.dirname(osp.abspath(__file__))
MIM_PARTS = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Add ``.mim`` to the package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            self._fill(osp.join(ROOT, 'samix_mm', '.mim'), os.symlink)
        else:
            self._fill(osp.join(self.build_lib, 'samix_mm', '.mim'), _copy)

    @staticmethod
    def _fill(target: str, put) -> None:
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        for part in MIM_PARTS:
            put(osp.join(ROOT, part), osp.join(target, part))


def _copy(source: str, target: str) -> None:
    if osp.isdir(source):
        not_for_users = shutil.ignore_patterns('__pycache__', 'dev')
        shutil.copytree(source, target, ignore=not_for_users)
    else:
        shutil.copy(source, target)


def read(name: str) -> str:
    with open(osp.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


setup(
    name='samix_mm',
    version=run_path(osp.join(ROOT, 'samix_mm', 'version.py'))['__version__'],
    description='SAMix, scenario-agnostic mixup, for MMEngine and MMPretrain',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    author='samix_mm contributors',
    license='Apache-2.0',
    keywords='computer vision, mixup, image classification, pretraining',
    packages=find_packages(include=['samix_mm', 'samix_mm.*']),
    package_data={'samix_mm': ['py.typed']},
    python_requires='>=3.8',
    install_requires=['numpy', 'torch>=2.0', 'torchvision', 'scikit-learn'],
    # Not required: mmcv and mmcv-lite share one import name, and the onedl
    # forks all of them. samix_mm checks what it finds when it is imported.
    extras_require=dict(mm=[
        'mmengine>=0.8.3', 'mmcv-lite>=2.0.0', 'mmpretrain>=1.0.0', 'openmim'
    ]),
    classifiers=[
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    cmdclass=dict(build_py=BuildWithMim),
    zip_safe=False)
