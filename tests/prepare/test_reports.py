"""Coverage, leaks, wrong compression and the contact sheet, on made-up records."""

import cv2
import pytest
from preparation_builders import make_face_video, make_request, make_tree

from mmdeepfake.prepare.execution import VideoOutcome
from mmdeepfake.prepare.pipeline import run_preparation
from mmdeepfake.prepare.prepared_video import PreparedVideo, VideoFacts
from mmdeepfake.prepare.progress import ProgressReport, format_time
from mmdeepfake.prepare.reports import (
    count_coverage,
    find_leaks,
    find_wrong_quality,
    format_coverage,
    format_leaks,
)
from mmdeepfake.prepare.reports.contact_sheet import choose_examples
from mmdeepfake.structures import VideoKey, VideoRecord

KEY = VideoKey('set', 0, 'real', 'c40', '000')


def make_prepared(
    name,
    *,
    split='train',
    label=0,
    level='c23',
    ids=(),
    sources=(),
    status='ok',
    **facts,
):
    key = VideoKey('set', label, 'FaceSwap' if label else 'real', level, name)
    num_tracks = facts.get('num_tracks', 1) if status == 'ok' else 1
    records = tuple(
        VideoRecord(
            key,
            f'clips/{name}/track_{track}.tar' if status == 'ok' else '',
            split,
            tuple(ids),
            num_frames=facts.get('num_frames') or None if status == 'ok' else None,
            track=track,
            status=status,
            fault='torn' if status == 'failed' else None,
        )
        for track in range(num_tracks)
    )
    return PreparedVideo(records, VideoFacts(**facts), 'f', tuple(sources))


def test_coverage_adds_up():
    videos = [
        make_prepared('a', num_frames=40, num_tracks=1, num_people=1, num_boxes=40),
        make_prepared(
            'b',
            num_frames=9,
            num_tracks=3,
            num_people=2,
            num_boxes=20,
            num_interpolated=15,
            origin='detected',
        ),
        make_prepared('c', status='no_face', origin='detected'),
        make_prepared('d', split='test', status='failed'),
        make_prepared('e', label=1, num_frames=40, origin='partner', notes=('odd',)),
    ]
    listed = [(v.key, v.records[0].split) for v in videos]
    listed.append((VideoKey('set', 1, 'FaceSwap', 'c23', 'f'), 'test'))
    coverage = count_coverage(listed, videos)
    total = coverage.total
    assert (total.found, total.ok, total.no_face, total.failed, total.to_do) == (
        *(6, 3, 1, 1, 1),
    )
    assert total.found == total.ok + total.no_face + total.failed + total.to_do
    assert (total.several_people, total.several_tracks, total.short) == (1, 1, 1)
    assert (total.boxes, total.interpolated) == (60, 15)
    assert coverage.faults == {'set/real/real/c23/d': 'torn'}
    assert coverage.without_face == ['set/real/real/c23/c']
    for name in total.__dataclass_fields__:
        parts = sum(getattr(part, name) for part in coverage.parts.values())
        assert parts == getattr(total, name)
    text = format_coverage(coverage)
    assert '60 stored, 15 of them (25.0 %) interpolated' in text
    assert 'set/real/real/c23/d: torn' in text
    assert 'set/fake/FaceSwap/c23/e: odd' in text


def test_long_lists_are_cut_in_the_text_alone():
    videos = [make_prepared(f'{i:03d}', status='failed') for i in range(50)]
    coverage = count_coverage([], videos)
    assert len(coverage.faults) == 50
    assert 'and 30 more, all in coverage.json' in format_coverage(coverage)


def test_clean_splits_have_no_leaks():
    videos = [
        make_prepared('000', ids=['p'], sources=['000'], sha256='1'),
        make_prepared('000', level='c40', ids=['p'], sources=['000'], sha256='2'),
        make_prepared('000_001', label=1, sources=['000', '001'], sha256='3'),
        make_prepared('002', split='test', ids=['q'], sources=['002'], sha256='4'),
    ]
    leaks = find_leaks(videos)
    assert leaks.num_findings == 0
    assert format_leaks(leaks) == 'Leaks: none found.\n'


@pytest.mark.parametrize(
    ('other', 'kind', 'named'),
    [
        (dict(name='000', level='c40'), 'videos', 'set/real/000: in test'),
        (dict(name='9', sources=['000']), 'sources', 'set/000: in test'),
        (dict(name='9', ids=['p']), 'identities', 'set/p: in test'),
        (dict(name='9', sha256='1'), 'copies_across_splits', '/000 (train) = set/'),
    ],
)
def test_leak_into_another_split_is_named(other, kind, named):
    first = make_prepared('000', ids=['p'], sources=['000'], sha256='1')
    leaks = find_leaks([first, make_prepared(split='test', **other)])
    assert leaks.num_findings == 1
    (text,) = getattr(leaks, kind)
    assert named in text
    assert text in format_leaks(leaks)


def test_copies_are_classified():
    same_label = [make_prepared(name, sha256='1') for name in 'ab']
    assert len(find_leaks(same_label).copies_within) == 1
    both = [make_prepared('a', sha256='1'), make_prepared('b', label=1, sha256='1')]
    leaks = find_leaks(both)
    assert len(leaks.copies_across_labels) == leaks.num_findings == 1
    unknown = [make_prepared('a'), make_prepared('b', label=1)]
    assert find_leaks(unknown).num_findings == 0


def test_stream_that_contradicts_its_level_is_named():
    videos = [
        make_prepared('004', level='c23', x264_crf=40.0),
        make_prepared('005', level='c23', x264_crf=23.0),
        make_prepared('006', level='c23', x264_crf=None),
        make_prepared('007', level='raw', x264_crf=23.0),
        make_prepared('008', level='c0', x264_crf=0.0),
        make_prepared('009', level='as_is', x264_crf=23.0),
    ]
    first, second = find_wrong_quality(videos)
    assert first.startswith('set/real/real/c23/004: ') and 'crf=40' in first
    assert second.startswith('set/real/real/raw/007: ') and 'crf=23' in second


def test_run_writes_the_reports(tmp_path):
    root, out = make_tree(tmp_path / 'raw', 'a', num_frames=8), tmp_path / 'faces'
    copy = root / 'test/real/copy.mp4'
    copy.parent.mkdir(parents=True)
    make_face_video(root / 'test/fake/other.mp4', 8, faces=[(60, 60)])
    copy.write_bytes((root / 'train/real/a_train_real.mp4').read_bytes())
    summary = run_preparation(make_request(root, out))
    assert len(summary.leaks.copies_across_splits) == 1
    names = {path.name for path in (out / 'report').iterdir()}
    assert names == {
        *('contact_sheet.png', 'coverage.json', 'leaks.json', 'report.txt'),
        'wrong_quality.json',
    }
    assert 'same content in two splits' in (out / 'report/report.txt').read_text()
    sheet = cv2.imread(str(out / 'report/contact_sheet.png'))[..., ::-1].astype(int)
    rows = len(sheet) // 147
    assert rows == 4  # two kinds, two videos each
    green = (sheet[..., 1] - sheet[..., [0, 2]].max(-1) > 80).reshape(rows, 147, -1)
    assert (green.sum((1, 2)) > 6 * 500).all()  # a face in each of the six columns


def test_progress_has_rate_and_time_left():
    with ProgressReport(4, shown=False) as progress:
        progress._start -= 10
        progress.add(VideoOutcome(KEY, 'ok', num_frames=300))
        progress.add(VideoOutcome(KEY, 'failed', 'torn'))
    line = progress.line()
    assert line.startswith('2 of 4 videos, 0.2 videos/s, 30 frames/s, 0:10, 0:10 left')
    assert line.endswith('1 failed')


def test_without_a_terminal_a_line_is_printed_now_and_then(capsys):
    with ProgressReport(100, shown=True, on_terminal=False) as progress:
        for _ in range(10):
            progress.add(VideoOutcome(KEY, 'ok'))
        assert capsys.readouterr().err == ''
        progress._last_line -= 60
        progress.add(VideoOutcome(KEY, 'ok'))
    assert capsys.readouterr().err.startswith('11 of 100 videos')


def test_on_a_terminal_a_bar_shows_rate_and_failures(capsys):
    with ProgressReport(2, shown=True, on_terminal=True) as progress:
        progress.add(VideoOutcome(KEY, 'failed', 'torn', 10))
    shown = capsys.readouterr().err
    assert 'preparing' in shown
    assert '1/2' in shown
    assert 'set/real/real/c40/000 failed: torn' in shown


@pytest.mark.parametrize(
    ('seconds', 'text'), [(0.4, '0:00'), (65, '1:05'), (3723, '1:02:03')]
)
def test_durations_are_formatted(seconds, text):
    assert format_time(seconds) == text


def test_sheet_shows_the_crowded_video_of_each_kind(tmp_path):
    videos = [make_prepared(f'{i}', num_tracks=1, num_frames=9) for i in range(9)]
    videos[4] = make_prepared('4', num_tracks=2, num_frames=9)
    chosen = choose_examples(videos, num_each=2)
    assert [(r.key.name, r.track) for r in chosen] == [('0', 0), ('4', 0), ('4', 1)]
