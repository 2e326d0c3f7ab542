import argparse
from functools import partial

import pytest
import torch
from figure_builders import WITH_CSA, options_of

from mmdeepfake.commands import check_gpu
from mmdeepfake.commands.check_gpu import (
    CheckResult,
    format_results,
    judge,
    run_check_gpu,
    run_checks,
)
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError

CPU = torch.device('cpu')


@pytest.fixture
def small_model(monkeypatch):
    """Let the detector be the demo's, and both small."""
    load_small = partial(load_config, cfg_options=options_of(WITH_CSA, '.'))
    monkeypatch.setattr(check_gpu, 'DETECTOR', check_gpu.DEMO)
    monkeypatch.setattr(check_gpu, 'load_config', load_small)


def test_all_checks_run_on_the_device_given(monkeypatch, small_model):
    def has_no_kernels(device, dtype):
        raise RuntimeError(f'none for {device.type}\nand more')

    # Triton has no kernels for a CPU.
    monkeypatch.setattr(check_gpu, 'DEMO_SHAPE', (4, 3, 32, 32))
    monkeypatch.setattr(check_gpu, 'check_kernels', has_no_kernels)
    backends = []
    monkeypatch.setattr(check_gpu, 'compile_parts', lambda _, one: backends.append(one))
    results = run_checks(CPU, side=32, num_steps=2)
    assert backends == ['inductor']
    assert len(results) == 8
    for result in results[:5]:
        assert result.passed, result
    for result in results[5:7]:
        assert (result.passed, result.details) == (False, 'RuntimeError: none for cpu')
    assert results[7].details.startswith('loss from ')


def test_other_weights_fail_the_comparison(small_model):
    model, frames = check_gpu.make_model(), torch.randn(1, 4, 3, 32, 32)
    with torch.no_grad():
        scores = model.extract_feat(frames, stage='head')[0]
    assert check_gpu.compare_inference(model, frames, scores, CPU)[0]
    assert not check_gpu.compare_inference(model, frames, scores * 1.01, CPU)[0]


def test_error_of_another_result_fails_the_check():
    right = [torch.ones(3), torch.ones(1)]
    assert judge(right, right, 0.0)[0]
    wrong, details = judge([torch.ones(3), torch.zeros(1)], right, 0.4)
    assert not wrong
    assert 'relative error 5.0e-01, allowed 0.4' in details


def test_failed_check_is_seen_in_the_report():
    text = format_results([CheckResult('x', False, 'why', 1.2)], {'device': 'none'})
    assert '| x | FAILED | why | 1 |' in text


def test_machine_without_gpu_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match='no CUDA device') as caught:
        run_check_gpu(argparse.Namespace(out=None))
    assert '\n' not in str(caught.value)
