"""The benchmark with real trainings and tests, of the stub config."""

import re
import signal
import subprocess
import sys
import time

import pytest
from tool_runs import CONFIG, ROOT, run_tool, run_tool_here

from mmdeepfake.commands.benchmark import run as benchmark_run

TOOL = ROOT / 'tools/benchmark.py'
EPOCHS = ['--cfg-options', 'train_cfg.max_epochs=1']


def test_config_is_trained_tested_and_tabled(tmp_path, monkeypatch, capfd):
    """In this process, which has imported what takes long; below are real ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        benchmark_run, '_run_to_its_end', lambda words, _: run_tool_here(*words[1:])
    )
    assert run_tool_here(TOOL, CONFIG, '--work-dir', 'out', *EPOCHS) == 0
    assert '[1/1] out/stub_config/seed0: done\n' in capfd.readouterr().out
    text = (tmp_path / 'out/benchmark.md').read_text()
    assert '| model | Stub AUC % | all AUC % | all AUC %, each seed [95% CI] |' in text
    assert '7 videos (4 real, 3 fake)' in text


@pytest.mark.slow
def test_benchmark_that_is_stopped_takes_its_training_with_it_and_goes_on(tmp_path):
    words = [TOOL, CONFIG, '--work-dir', 'out', '--cfg-options']
    # MMEngine removes the oldest checkpoint before it has written the next one.
    words += ['train_cfg.max_epochs=50', 'default_hooks.checkpoint.max_keep_ckpts=2']
    log = tmp_path / 'out/stub_config/seed0/train.log'
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        env={'PYTHONPATH': str(ROOT / 'tests'), 'OMP_NUM_THREADS': '1'},
        start_new_session=True,
    )
    for _ in range(600):
        if log.exists() and re.search(r'Epoch\(train\) +\[3\]', log.read_text()):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    size = log.stat().st_size
    time.sleep(2)
    assert log.stat().st_size == size  # nobody writes on
    run_tool(*words, cwd=tmp_path, code=0)
    assert 'resumed epoch: ' in log.read_text()
    assert (tmp_path / 'out/benchmark.md').is_file()
