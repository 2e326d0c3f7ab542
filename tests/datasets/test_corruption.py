import itertools
from pathlib import Path

import numpy as np
import pytest

from mmdeepfake.datasets.transforms.corruption import (
    CORRUPTIONS,
    NUM_LEVELS,
    CorruptVideo,
    corrupt,
)
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import TRANSFORMS
from mmdeepfake.structures import VideoKey

KEY = VideoKey('set', 0, 'real', 'c23', '000')
TIMED = {'frame_drop', 'frame_rate', 'social_media'}
every_corruption = pytest.mark.parametrize('name', CORRUPTIONS)


class Textured:
    """A video of smooth colours that move a little, with odd sides."""

    fps = 30000 / 1001

    def __init__(self, num_frames=20, height=63, width=49):
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:height, :width] / 12
        phases = rng.random((3, 2)) * 6
        frames = [
            np.stack(
                [128 + 80 * np.sin(x + a + 0.1 * t) * np.cos(y + b) for a, b in phases],
                axis=-1,
            )
            for t in range(num_frames)
        ]
        self.frames = np.rint(frames).astype(np.uint8)

    def __len__(self):
        return len(self.frames)

    def read(self, indices):
        return self.frames[np.asarray(indices)]


def read_all(reader):
    return reader.read(np.arange(len(reader)))


def difference(name, level, video=KEY):
    """Mean absolute change of the frames that are left, in grey levels."""
    source = Textured()
    reader = corrupt(source, name, level, seed=0, video=str(video))
    places = getattr(reader, 'source_indices', None)
    originals = source.frames if places is None else source.frames[places]
    return np.abs(read_all(reader).astype(float) - originals).mean()


@every_corruption
def test_every_corruption_has_levels_and_a_row_in_the_docs(name):
    corruption = CORRUPTIONS[name]
    assert len(corruption.levels) == NUM_LEVELS
    assert corruption.summary and corruption.parameter
    docs = Path(__file__).resolve().parents[2] / 'docs/evaluation.md'
    assert f'\n| {name} |' in docs.read_text(encoding='utf-8')


@pytest.mark.parametrize('name', sorted(set(CORRUPTIONS) - TIMED))
def test_each_level_changes_the_frames_more_than_the_one_before(name):
    changes = [difference(name, level) for level in range(1, NUM_LEVELS + 1)]
    assert changes == sorted(changes)
    assert changes[0] > 0


@pytest.mark.parametrize('name', sorted(TIMED))
def test_each_level_leaves_no_more_frames_than_the_one_before(name):
    lengths = [
        len(corrupt(Textured(), name, level, seed=0, video='v'))
        for level in range(1, NUM_LEVELS + 1)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert 1 <= lengths[-1] < lengths[0] <= 20


@every_corruption
def test_frames_keep_their_size_and_type_and_come_as_asked_for(name):
    reader = corrupt(Textured(), name, 3, seed=0, video='v')
    everything = read_all(reader)
    assert everything.shape[1:] == (63, 49, 3)
    assert everything.dtype == np.uint8
    wanted = [5, 2, 2]
    np.testing.assert_array_equal(reader.read(wanted), everything[wanted])


@every_corruption
def test_same_seed_and_video_give_the_same_frames(name):
    draws = {
        read_all(corrupt(Textured(), name, 4, seed=1, video='v')).tobytes()
        for _ in range(3)
    }
    assert len(draws) == 1


@pytest.mark.parametrize('name', ['noise', 'occlusion', 'frame_drop', 'brightness'])
def test_another_video_or_seed_has_another_draw(name):
    def frames(seed, video):
        return read_all(corrupt(Textured(), name, 3, seed=seed, video=video)).tobytes()

    draws = {frames(seed, video) for seed in range(2) for video in 'abcd'}
    assert len(draws) > 1


@pytest.mark.parametrize('name', ['occlusion', 'brightness', 'blur', 'contrast'])
def test_a_still_video_stays_still(name):
    still = Textured()
    still.frames[:] = still.frames[0]
    frames = read_all(corrupt(still, name, 5, seed=0, video='v'))
    np.testing.assert_array_equal(frames, np.broadcast_to(frames[0], frames.shape))


def test_noise_is_fresh_in_every_frame_and_of_the_stated_strength():
    still = Textured(height=128, width=128)
    still.frames[:] = 128
    frames = read_all(corrupt(still, 'noise', 3, seed=0, video='v')).astype(float)
    assert frames.std() == pytest.approx(10, rel=0.02)
    assert np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1] < 0.05


def test_a_stronger_level_loses_the_same_frames_and_more():
    kept = [
        set(
            corrupt(Textured(60), 'frame_drop', level, seed=0, video='v').source_indices
        )
        for level in range(1, NUM_LEVELS + 1)
    ]
    for weaker, stronger in itertools.pairwise(kept):
        assert stronger < weaker


def test_half_the_rate_is_every_second_frame():
    reader = corrupt(Textured(), 'frame_rate', 3, seed=0, video='v')
    assert reader.fps == pytest.approx(Textured.fps / 2)
    assert np.diff(reader.source_indices).tolist() == [2] * 9
    np.testing.assert_array_equal(
        read_all(reader), Textured().frames[reader.source_indices]
    )


@pytest.mark.parametrize('level', [1, 4])
def test_x264_really_gets_the_stated_rate_factor(level, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    reader = corrupt(Textured(), 'h264', level, seed=0, video='v')
    (path,) = tmp_path.iterdir()
    # x264 writes its settings into the stream.
    crf = CORRUPTIONS['h264'].levels[level - 1]
    assert f'crf={crf}.0'.encode() in path.read_bytes()
    assert len(read_all(reader)) == 20


@pytest.mark.parametrize('name', ['h264', 'social_media'])
def test_temporary_file_is_deleted_with_its_reader(name, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    reader = corrupt(Textured(), name, 5, seed=0, video='v')
    assert len(list(tmp_path.iterdir())) == 1
    del reader
    assert not list(tmp_path.iterdir())


def test_transform_replaces_reader_count_and_rate_and_adds_source_frames():
    transform = TRANSFORMS.build(dict(type='CorruptVideo', name='frame_rate', level=3))
    results = transform(
        dict(video_reader=Textured(), total_frames=20, avg_fps=30.0, video_key=KEY)
    )
    assert results['total_frames'] == 10
    assert results['avg_fps'] == pytest.approx(Textured.fps / 2)
    assert len(results['source_frames']) == 10
    results = CorruptVideo('blur', 1)(dict(video_reader=Textured(), video_key=KEY))
    assert 'source_frames' not in results


def test_dropped_frames_are_known_through_an_encoder_too():
    reader = corrupt(Textured(), 'social_media', 5, seed=0, video='v')
    assert len(reader.source_indices) == len(reader) == 10


@pytest.mark.parametrize(
    ('arguments', 'value'),
    [
        (('fog', 1), "name='fog'.*'h264', 'resize'"),
        (('blur', 0), 'level=0'),
        (('blur', 6), 'level=6'),
    ],
)
def test_unknown_name_or_level_is_rejected(arguments, value):
    with pytest.raises(ConfigError, match=f'^CorruptVideo: {value}'):
        CorruptVideo(*arguments)
