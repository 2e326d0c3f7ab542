"""The paper's config trains and tests on real H.264 footage."""

import json
import subprocess
import sys
from pathlib import Path

from mmdeepfake.evaluation import read_predictions

ROOT = Path(__file__).resolve().parents[1]
METHODS = "['FaceSwap', 'Face2Face', 'NeuralTextures']"


def small(loader, num_videos):
    """Options that cut a dataloader of the paper's config down to CPU size."""
    resize = 4  # its place in the pipelines
    return [
        f'{loader}.dataset.pipeline.{resize}.scale=(64, 64)',
        f'{loader}.dataset.indices={num_videos}',
        f'{loader}.batch_size=2',
        f'{loader}.num_workers=0',
        f'{loader}.persistent_workers=False',
    ]


def run_tool(name, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / 'tools' / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_the_papers_model_trains_and_tests_on_real_footage(realff, tmp_path):
    options = [
        f'data_root={realff}',
        f'methods={METHODS}',
        'model.backbone.pretrained=None',
        'train_cfg.max_epochs=1',
        *small('train_dataloader', 4),
        *small('val_dataloader', 8),
    ]
    config = ROOT / 'configs/ratf_r50_ffpp_lq.py'
    run = run_tool(
        'train.py', config, '--work-dir', tmp_path, '--cfg-options', *options
    )
    assert run.returncode == 0, run.stderr[-2000:]
    options = [
        f'data_root={realff}',
        f'methods={METHODS}',
        'model.backbone.pretrained=None',
        *small('test_dataloader', 5),
    ]
    run = run_tool(
        'test.py',
        config,
        tmp_path / 'epoch_1.pth',
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *options,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    predictions = read_predictions(tmp_path / 'predictions.csv')
    assert len(predictions) == 5
    assert all(len(p.snippet_scores) == 8 for p in predictions)
    assert json.loads((tmp_path / 'metrics.json').read_text())['num_videos'] == 5


def test_the_absent_manipulation_is_named(realff, tmp_path):
    run = run_tool(
        'train.py',
        ROOT / 'configs/ratf_r50_ffpp_lq.py',
        '--work-dir',
        tmp_path,
        '--cfg-options',
        f'data_root={realff}',
    )
    assert run.returncode == 2
    assert 'Deepfakes' in run.stderr
    assert 'Traceback' not in run.stderr
