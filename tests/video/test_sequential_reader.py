"""Frames by their numbers, decoded in sequence."""

import numpy as np
import pytest
from builders import make_video, read_index

from mmdeepfake.errors import DataError
from mmdeepfake.video.sequential_reader import SequentialReader


def test_frames_are_those_asked_for_forwards_and_back(tmp_path):
    reader = SequentialReader(make_video(tmp_path / 'a.mkv', num_frames=9))
    assert (len(reader), reader.fps) == (9, 25.0)
    for wanted in ([2, 3], [4], [7, 8], [0, 5], [5]):
        frames = reader.read(np.array(wanted))
        assert [read_index(frame) for frame in frames] == wanted


def test_reading_forwards_decodes_nothing_twice(tmp_path, monkeypatch):
    reader = SequentialReader(make_video(tmp_path / 'a.mkv', num_frames=9))
    begun = []
    read = reader._video.read_unconverted
    monkeypatch.setattr(
        reader._video, 'read_unconverted', lambda: begun.append(1) or read()
    )
    for wanted in ([0, 1], [2], [6, 8]):
        reader.read(np.array(wanted))
    assert len(begun) == 1
    reader.close()
    assert read_index(reader.read(np.array([3]))[0]) == 3


def test_stream_that_ends_early_is_refused(tmp_path):
    path = make_video(tmp_path / 'a.ts', num_frames=12, bframes=0)
    content = path.read_bytes()
    # Frames before the next key frame cannot be decoded.
    path.write_bytes(content[len(content) // 3 :])
    reader = SequentialReader(path)
    message = r"a\.ts': frame 8 of 9 was asked for, 5 can be decoded; the file is trunc"
    with pytest.raises(DataError, match=message):
        reader.read(np.arange(len(reader)))
