"""The paper's config trains and tests on real H.264 footage."""

import json

from tool_runs import ROOT, run_tool_here, shrink_loader, shrink_ratf

from mmdeepfake.evaluation import read_predictions

CONFIG = ROOT / 'configs/ratf_r50_ffpp_lq_uncropped.py'


def test_the_papers_model_trains_and_tests_on_real_footage(realff, tmp_path):
    shared = [
        f'data_root={realff}',
        "methods=['FaceSwap', 'Face2Face', 'NeuralTextures']",
        *shrink_ratf(512),
    ]
    code = run_tool_here(
        ROOT / 'tools/train.py',
        *(CONFIG, '--work-dir', tmp_path, '--cfg-options', *shared),
        'train_cfg.max_epochs=1',
        *shrink_loader('train_dataloader', num_videos=4),
        *shrink_loader('val_dataloader', num_videos=4),
    )
    assert code == 0
    code = run_tool_here(
        ROOT / 'tools/test.py',
        *(CONFIG, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path),
        *('--cfg-options', *shared),
        *shrink_loader('test_dataloader', num_videos=5),
    )
    assert code == 0
    predictions = read_predictions(tmp_path / 'predictions.csv')
    assert len(predictions) == 5
    assert all(len(p.snippet_scores) == 8 for p in predictions)
    assert json.loads((tmp_path / 'metrics.json').read_text())['num_videos'] == 5


def test_the_absent_manipulation_is_named(realff, tmp_path, capsys):
    words = [CONFIG, '--work-dir', tmp_path, '--cfg-options', f'data_root={realff}']
    assert run_tool_here(ROOT / 'tools/train.py', *words) == 2
    message = capsys.readouterr().err
    assert 'Deepfakes' in message
    assert 'Traceback' not in message
