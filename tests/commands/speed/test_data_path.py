from builders import make_video
from tool_runs import ROOT

from mmdeepfake.commands.speed.data_path import format_data_speed, measure_steps
from mmdeepfake.engine.build import load_config

STEPS = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=2, clip_len=2, position='centred'),
    dict(type='DecodeFrames'),
    dict(type='Resize', scale=(64, 64), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=()),
]


def test_steps_are_those_of_the_pipeline_and_their_time_is_counted(tmp_path):
    cfg = load_config(ROOT / 'configs/miniff/resnet_r18_miniff.py')
    cfg.train_dataloader.dataset.pipeline = STEPS
    cfg.train_dataloader.batch_size = 2
    path = tmp_path / 'a.mp4'
    make_video(path, num_frames=12)
    item = dict(filename=str(path), total_frames=12, label=0, modality='RGB')
    num_samples, seconds = measure_steps([item], cfg, seconds=0)
    assert num_samples == 2
    assert list(seconds) == [*(step['type'] for step in STEPS), 'collate']
    assert all(value >= 0 for value in seconds.values())
    assert seconds['DecodeFrames'] > seconds['collate']


def test_table_has_the_rate_and_the_shares():
    text = format_data_speed(20, {'Decode': 1.5, 'Resize': 0.5}, {'device': 'x'})
    assert '| samples/s a core | Decode | Resize |' in text
    assert '| 10.0 | 75.0% | 25.0% |' in text
