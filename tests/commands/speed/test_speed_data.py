import numpy as np
import pytest
from mmengine.dataset import Compose
from tool_runs import ROOT

from mmdeepfake.commands.speed.speed_data import (
    DataSpeed,
    StoredVideos,
    format_data_csv,
    format_data_speed,
    measure_steps,
)
from mmdeepfake.commands.speed.speed_storages import render_videos, store_every_way
from mmdeepfake.engine.build import load_config

STEPS = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=2, clip_len=2, position='centred'),
    dict(type='DecodeFrames'),
    dict(type='CropFace'),
    dict(type='Resize', scale=(64, 64), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=()),
]


@pytest.fixture(scope='module')
def ways(tmp_path_factory):
    """One talking head, stored in every way."""
    folder = tmp_path_factory.mktemp('ways')
    videos = render_videos(folder, num_videos=1, num_frames=12, size_px=96)
    return store_every_way(videos, folder)


def test_every_way_of_storing_shows_the_same_face(ways):
    read = Compose(STEPS)
    faces = {name: read(dict(items[0]))['inputs'] for name, items in ways.items()}
    whole = faces.pop('whole video, H.264').numpy().astype(float)
    assert whole.std() > 20
    for name, face in faces.items():
        error = np.abs(face.numpy() - whole).mean()
        # JPEG leaves its traces; a crop that lies a pixel off is further away.
        assert error < (0.5 if 'PNG' in name else 2), name
    shifted = np.roll(whole, 1, axis=-1)
    assert np.abs(shifted - whole).mean() > 2


def test_steps_are_those_of_the_pipeline_and_their_time_is_counted(ways):
    cfg = load_config(ROOT / 'configs/miniff/resnet_r18_miniff.py')
    cfg.train_dataloader.dataset.pipeline = STEPS
    items = ways['prepared clip, PNG']
    found = measure_steps('PNG', items, cfg, batch_size=2, seconds=0)
    assert found.num_samples == 2
    assert list(found.step_seconds) == [*(step['type'] for step in STEPS), 'collate']
    assert all(seconds >= 0 for seconds in found.step_seconds.values())
    assert found.step_seconds['DecodeFrames'] > found.step_seconds['collate']


def test_table_has_rates_and_shares():
    found = DataSpeed('PNG', 20, {'Decode': 1.5, 'Resize': 0.5}, 0.25, 8.0)
    assert found.samples_a_core == 10
    text = format_data_speed([found], {'device': 'x'}, workers=3)
    assert '| PNG | 10.0 | 75.0% | 25.0% | 25.0% | 8.00 |' in text
    assert 'with 3 workers' in text
    assert format_data_csv([found]).splitlines()[1] == '"PNG",Decode,0.075'


def test_samples_come_again_in_the_same_order(ways):
    videos = StoredVideos(ways['prepared clip, PNG'], STEPS, length=3)
    assert len(videos) == 3
    first, last = videos[0]['inputs'], videos[2]['inputs']
    np.testing.assert_array_equal(first, last)
