"""The Triton kernels, run by Triton's interpreter on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name('kernels_in_interpreter.py')


def test_kernels_equal_the_plain_operators_in_the_interpreter():
    pytest.importorskip('triton', reason='the extra `triton` is not installed')
    # Triton reads the variable as it is imported, which others may have done here.
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'pytest',
            '--noconftest',
            '-p',
            'no:cacheprovider',
            CASES,
        ],
        env=os.environ | {'TRITON_INTERPRET': '1', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
