import av
import numpy as np
import pytest
from builders import make_clip, make_frame_folder, make_video

from mmdeepfake.datasets import file_check
from mmdeepfake.datasets.file_check import check_videos, open_video, stat_video


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def make_audio_only(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        samples = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format='fltp', layout='mono')
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_without_frames(path):
    """Write an AVI with a video stream without frames."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = 'yuv420p'
        container.start_encoding()
    return path


@pytest.mark.parametrize(
    ('make', 'name'),
    [(make_video, 'a.mp4'), (make_video, 'a.mkv'), (make_clip, 'a.tar')],
)
def test_good_video_is_counted(tmp_path, make, name):
    report = open_video(make(tmp_path / name, num_frames=9, fps=30))
    assert (report.problem, report.num_frames, report.fps) == (None, 9, 30.0)


@pytest.mark.parametrize('stated', [0, 3, 900])
def test_number_of_frames_in_a_header_is_not_trusted(tmp_path, stated):
    path = make_video(tmp_path / 'a.avi', num_frames=9)
    content = path.read_bytes()
    at = content.index(b'strh') + 8 + 32  # dwLength of AVISTREAMHEADER
    assert content[at : at + 4] == (9).to_bytes(4, 'little')
    path.write_bytes(content[:at] + stated.to_bytes(4, 'little') + content[at + 4 :])
    assert open_video(path).num_frames == 9


def write_text(path):
    path.write_text('x' * 5000)
    return path


@pytest.mark.parametrize(
    ('name', 'make', 'problem'),
    [
        ('a.mp4', lambda path: path, 'missing'),
        ('a.mp4', lambda path: path.touch() or path, 'empty: 0 bytes'),
        ('a.mp4', write_text, 'not a video'),
        ('a.mp4', lambda path: cut_in_half(make_video(path)), 'truncated'),
        ('a.mp4', make_audio_only, 'not a video: has no video stream'),
        ('a.avi', make_without_frames, 'no frames'),
        ('a.tar', lambda path: path, 'missing'),
        ('a.tar', lambda path: cut_in_half(make_clip(path)), 'not a face clip'),
        ('a.tar', write_text, 'not a face clip'),
    ],
)
def test_kind_of_an_unusable_file_is_found(tmp_path, name, make, problem):
    assert str(open_video(make(tmp_path / name)).problem).startswith(problem)


def test_stat_sees_size_but_not_content(tmp_path):
    path = tmp_path / 'a.mp4'
    assert str(stat_video(path).problem) == 'missing'
    path.touch()
    assert str(stat_video(path).problem) == 'empty: 0 bytes'
    assert stat_video(write_text(path)).problem is None


@pytest.mark.parametrize(
    ('template', 'first'),
    [('{:04d}.png', 0), ('{:d}.png', 8), ('img_{:05d}.jpg', 1), ('a{{1}}-{:d}.png', 0)],
)
def test_numbering_of_a_frame_folder_is_found(tmp_path, template, first):
    make_frame_folder(tmp_path / 'a', 12, template, first)
    report = open_video(tmp_path / 'a')
    assert (report.problem, report.num_frames, report.offset) == (None, 12, first)
    for index in range(12):
        name = report.filename_tmpl.format(index + report.offset)
        assert name == template.format(first + index)


def test_gap_in_a_frame_folder_is_counted(tmp_path):
    folder = make_frame_folder(tmp_path / 'a', 12)
    (folder / '0004.png').unlink()
    (folder / '0005.png').unlink()
    problem = str(open_video(folder).problem)
    assert problem.startswith('gaps: 2 frames are missing, the first is number 4')


@pytest.mark.parametrize(
    ('names', 'problem'),
    [
        ([], 'no frames'),
        (['cover.png'], "frame names: 'cover.png' does not end in a number"),
        (['a1.png', 'b1.png'], "frame names: 'a1.png' and 'b1.png' are not numbered"),
        (['1.png', '2.jpg'], "frame names: '1.png' and '2.jpg' are not numbered"),
        (['01.png', '002.png'], 'frame names: some numbers are padded'),
    ],
)
def test_frame_names_without_an_order_are_rejected(tmp_path, names, problem):
    for name in names:
        (tmp_path / name).touch()
    assert str(open_video(tmp_path).problem).startswith(problem)


def test_reports_come_in_the_order_of_the_files(tmp_path):
    paths = [make_video(tmp_path / f'{n}.mp4', num_frames=n) for n in (3, 1, 2)]
    reports = check_videos([*paths, tmp_path / 'x.mp4'], check='open')
    assert [report.num_frames for report in reports] == [3, 1, 2, None]
    assert str(reports[3].problem) == 'missing'


def test_long_checks_log_their_progress(tmp_path, monkeypatch, log_lines):
    monkeypatch.setattr(file_check, '_SECONDS_BETWEEN_LOGS', 0.0)
    check_videos([tmp_path / 'a.mp4', tmp_path / 'b.mp4'], check='stat')
    assert log_lines[-1].startswith('checked 2 of 2 videos')


def test_missing_pyav_is_reported_with_the_install_command(tmp_path, monkeypatch):
    path = make_video(tmp_path / 'a.mp4')
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    with pytest.raises(ImportError, match='pip install av'):
        open_video(path)
