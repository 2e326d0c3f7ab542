import json

import pytest
from tool_runs import ROOT, run_tool_here

from mmdeepfake.commands.speed.timed_model import TimedModel

RESNET, RATF = (
    ROOT / f'configs/miniff/{name}_r18_miniff.py' for name in ('resnet', 'ratf')
)
# Two snippets of four frames, 32 pixels wide.
SMALL = [
    'train_dataloader.dataset.pipeline.1.num_snippets=2',
    'train_dataloader.dataset.pipeline.4.scale=(32, 32)',
]


@pytest.fixture
def run(capsys):
    """Run a tool in this process; return its exit code, stdout and stderr."""
    return lambda tool, *words: (
        run_tool_here(ROOT / 'tools' / tool, *words),
        *capsys.readouterr(),
    )


def test_models_stand_side_by_side_and_one_without_memory_leaves_the_others(
    run, monkeypatch, tmp_path
):
    step = TimedModel.train_step

    def fail_for_ratf(model):
        if model._model.with_neck:
            raise RuntimeError('CUDA out of memory.\nTried to allocate')
        return step(model)

    monkeypatch.setattr(TimedModel, 'train_step', fail_for_ratf)
    options = ['--splits', 'train', '--repeats', 1, '--out', tmp_path]
    code, out, _ = run('speed.py', RESNET, RATF, *options, '--cfg-options', *SMALL)
    assert code == 0
    assert (tmp_path / 'speed.md').read_text().strip() == out.strip()
    assert '| resnet_r18_miniff | 8 frames of 32 x 32 | 1 | 11.18 |' in out
    assert '- ratf_r18_miniff, train step: not measured: CUDA out of memory.\n' in out
    record = json.loads((tmp_path / 'speed.json').read_text())
    resnet, ratf = (row['seconds'] for row in record['rows'])
    assert all(0 < resnet[mode][0] < 60 for mode in ('forward', 'train'))
    assert list(ratf) == ['forward']
    assert 'speed.py' in record['facts']['command']


@pytest.mark.parametrize(
    ('tool', 'words', 'message'),
    [
        ('speed.py', ['VGG'], "model 'VGG' is neither a config file nor one of"),
        ('speed.py', [RESNET, '--repeats', 0], '--repeats 0'),
        ('speed_data.py', ['none.py'], 'no such config file: none.py'),
    ],
)
def test_bad_input_ends_in_one_message(run, tool, words, message):
    code, _, err = run(tool, *words)
    assert code == 2
    assert err.startswith('error: ')
    assert message in err
    assert err.count('\n') == 1


def test_training_set_of_a_config_is_read(run, ffpp_root, tmp_path):
    options = [f'data_root={ffpp_root}', 'train_dataloader.dataset.compression=c40']
    words = [RESNET, '--seconds', 0, '--out', tmp_path, '--cfg-options', *options]
    code, out, _ = run('speed_data.py', *words)
    assert code == 0
    assert ' of its training set\n' in out
    record = json.loads((tmp_path / 'speed_data.json').read_text())
    assert record['step_seconds']['DecodeFrames'] > 0
