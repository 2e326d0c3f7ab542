"""The annotated video shows every frame at its time, whatever its size."""

import av
import numpy as np
import pytest

from mmdeepfake.video.frame_conversion import planes_to_rgb
from mmdeepfake.video.frame_sources import open_frames
from mmdeepfake.video.source_frames import ArrayFrame
from mmdeepfake.visualization.annotated_video import (
    FaceMark,
    ScoreStrip,
    _Canvas,
    write_annotated_video,
)
from mmdeepfake.visualization.report_plots import (
    FAKE_COLOUR,
    REAL_COLOUR,
    UNCERTAIN_COLOUR,
)


def write_and_read(path, size, *, num_frames=3, marks=(), times=None, fps=10.0):
    """Write grey frames of a size (H, W) with the same marks; give what comes back."""
    times = times or [index / fps for index in range(num_frames)]
    write_annotated_video(
        (np.full((*size, 3), 90, np.uint8) for _ in range(num_frames)),
        lambda index: list(marks),
        path,
        strip=ScoreStrip('caption', [(0.0, 0.5, 0.9), (0.5, 1.0, 0.1)], 0.5),
        times_seconds=times.__getitem__,
        num_frames=num_frames,
        fps=fps,
    )
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return frames, [f.to_ndarray(format='rgb24').astype(int) for f in frames]


@pytest.mark.parametrize(
    ('size', 'shown'),
    [((33, 35), (452, 480)), ((500, 701), (500, 700)), ((40, 2001), (38, 1920))],
)
def test_frames_are_brought_to_a_legible_even_size(tmp_path, size, shown):
    _, pictures = write_and_read(tmp_path / 'a.mp4', size, num_frames=1)
    height, width = pictures[0].shape[:2]
    assert width == shown[1]
    assert height > shown[0]  # the strip
    assert height % 2 == 0
    # The frame is there whole, the strip is dark.
    assert abs(pictures[0][shown[0] // 2, width // 2] - 90).max() < 8
    assert pictures[0][-1, 5].max() < 60


def test_uneven_times_are_kept(tmp_path):
    times = [0.0, 0.04, 0.5, 0.5, 0.9]
    frames, _ = write_and_read(tmp_path / 'a.mp4', (64, 64), num_frames=5, times=times)
    assert [float(f.time) for f in frames] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize(('score', 'reddish'), [(0.9, True), (0.1, False)])
def test_box_has_the_colour_of_its_score(tmp_path, score, reddish):
    mark = FaceMark('face 0', (150, 200, 350, 400), score)
    _, pictures = write_and_read(tmp_path / 'a.mp4', (480, 480), marks=[mark])
    edge = pictures[1][300, 147:154].mean(0)
    assert (edge[0] > edge[2] + 40) == reddish
    assert (edge[2] > edge[0] + 40) != reddish


def test_heat_lies_over_its_box_alone(tmp_path):
    heat = np.ones((2, 2), np.float32)
    mark = FaceMark('face 0', (0, 0, 9, 9), None, heat, (200, 200, 300, 300))
    _, pictures = write_and_read(tmp_path / 'a.mp4', (480, 480), marks=[mark])
    assert abs(pictures[0][250, 250] - 90).max() > 60
    assert abs(pictures[0][250, 350] - 90).max() < 8


def test_unreadable_frames_leave_no_file(tmp_path):
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise ValueError('damaged')

    settings = dict(times_seconds=float, num_frames=2, fps=10)
    strip = ScoreStrip('', [], 0.5)
    with pytest.raises(ValueError, match='damaged'):
        write_annotated_video(
            frames(), lambda index: [], tmp_path / 'a.mp4', strip=strip, **settings
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('threshold', 'score', 'expected'),
    [
        (0.5, 0.6, FAKE_COLOUR),
        (0.5, 0.4, UNCERTAIN_COLOUR),
        (0.5, 0.2, REAL_COLOUR),
        (None, 0.9, '#969696'),  # nothing is judged
    ],
)
def test_colour_is_that_of_the_verdict(threshold, score, expected):
    drawn = draw([FaceMark('face', (100, 200, 300, 400), score)], threshold)
    colour = [int(expected[i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(drawn[300, 100] - colour).max() <= 3


def draw(marks, threshold=0.5, *, is_bt709=False):
    """Draw marks on a grey frame of 480 x 480: (height, 480, 3) RGB."""
    frame = ArrayFrame(np.full((480, 480, 3), 90, np.uint8))
    frame.is_bt709 = is_bt709
    canvas = _Canvas(frame, ScoreStrip('', [], threshold, 0.3))
    drawn = canvas.draw(canvas.fit(frame), marks, 0)
    return planes_to_rgb(drawn, is_bt709=is_bt709).astype(int)


@pytest.mark.parametrize('is_bt709', [False, True])
def test_only_box_and_label_are_drawn_and_where_they_belong(is_bt709):
    boxes = [(101.2, 200.8, 300, 400.3), (-20, -5, 70, 90), (430, 390, 500, 600)]
    for x1, y1, x2, y2 in boxes:
        drawn = draw([FaceMark('', (x1, y1, x2, y2), 0.9)], is_bt709=is_bt709)[:480]
        rows, columns = (np.abs(drawn - 90).max(-1) > 4).nonzero()
        shown = np.clip([x1, y1, x2, y2], 0, 480)
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        # The label is above the box, or in it.
        is_wide = [False, True, True, False] if y1 > 40 else [False] * 4
        assert (np.abs(found - shown)[~np.array(is_wide)] <= 1.5).all()
        x1, y1, x2, y2 = shown.round().astype(int)
        inside = drawn[y1 + 5 + 30 * (y1 < 40) : y2 - 5, x1 + 5 : x2 - 5]
        assert np.abs(inside - 90).max() <= 2


@pytest.mark.parametrize('matrix', [1, 5])
def test_colours_stay_those_of_the_video(tmp_path, matrix):
    with av.open(str(tmp_path / 'a.mp4'), 'w') as file:
        stream = file.add_stream('libx264', rate=25, options={'crf': '1'})
        stream.height, stream.width, stream.pix_fmt = 482, 640, 'yuv420p'
        stream.codec_context.colorspace = matrix
        picture = np.zeros((482, 640, 3), np.uint8)
        picture[:, :, :2] = [200, 40]
        image = av.VideoFrame.from_ndarray(picture, format='rgb24')
        image = image.reformat(format='yuv420p', dst_colorspace=matrix)
        file.mux([*stream.encode(image), *stream.encode()])
    source = open_frames(tmp_path / 'a.mp4')
    write_annotated_video(
        source.read_unconverted(),
        lambda index: [],
        tmp_path / 'b.mp4',
        strip=ScoreStrip('', [], 0.5),
        times_seconds=float,
        num_frames=1,
        fps=25,
    )
    (shown,) = open_frames(tmp_path / 'b.mp4').read()
    assert np.abs(shown[:470].astype(int) - [200, 40, 0]).max() < 8
