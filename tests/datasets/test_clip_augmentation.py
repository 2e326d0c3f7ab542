import cv2
import numpy as np
import pytest
from builders import make_video, read_index
from mmengine.dataset import Compose

import mmdeepfake.datasets  # noqa: F401
from mmdeepfake.datasets.transforms.blending import blend
from mmdeepfake.datasets.transforms.clip_augmentation import (
    BlendClipWithItself,
    DropOrRepeatFrames,
    alter_copy,
    drop_frames,
    repeat_frame,
)
from mmdeepfake.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ('clip', 'place', 'number', 'expected'),
    [
        ([3, 4, 5, 6], 1, 2, [3, 6, 7, 8]),
        ([3, 4, 5, 6], 3, 1, [3, 4, 5, 7]),
        ([5, 6, 7, 8], 1, 2, [4, 7, 8, 9]),  # moved back: there is no frame 10
        ([0, 2, 4], 1, 1, [0, 4, 6]),
        ([0, 3, 6], 1, 1, [0, 6, 9]),
        ([0, 3, 6], 1, 2, None),  # frame 12 of 10
    ],
)
def test_frames_are_dropped_and_the_clip_continues(clip, place, number, expected):
    before = np.array(clip)
    found = drop_frames(before, place=place, num_dropped=number, num_frames=10)
    assert (None if found is None else found.tolist()) == expected
    assert before.tolist() == clip


@pytest.mark.parametrize(
    ('place', 'number', 'expected'),
    [(1, 2, [3, 4, 4, 4]), (0, 1, [3, 3, 4, 5]), (3, 2, [3, 4, 5, 6])],
)
def test_a_frame_is_repeated_and_the_last_fall_off(place, number, expected):
    found = repeat_frame(np.array([3, 4, 5, 6]), place=place, num_repeats=number)
    assert found.tolist() == expected


def sample(**settings):
    frame_inds = np.array([0, 1, 2, 3, 10, 11, 12, 13])
    return {
        'frame_inds': frame_inds,
        'clip_len': 4,
        'num_clips': 2,
        'total_frames': 20,
        'avg_fps': 5.0,
        'frame_times_seconds': frame_inds / 5,
        **settings,
    }


def test_every_snippet_skips_or_repeats_frames_by_its_own_draw():
    augment = DropOrRepeatFrames(ratio=1, max_frames=2)
    kinds = set()
    for _ in range(200):
        results = augment(sample())
        for snippet in results['frame_inds'].reshape(2, 4):
            steps = np.diff(snippet)
            assert len(snippet) == 4 and snippet.min() >= 0 and snippet.max() < 20
            # One jump of 2 or 3 frames, or up to two steps of none.
            assert sorted(steps)[0] >= 0
            assert (steps > 1).sum() + bool((steps == 0).any()) == 1
            assert steps.max() <= 3 and (steps == 0).sum() <= 2
            kinds.add(steps.max() > 1)
        times = results['frame_times_seconds']
        np.testing.assert_allclose(times, results['frame_inds'] / 5)
    assert kinds == {True, False}


def test_it_is_drawn_at_the_given_ratio_and_never_at_none():
    same = sample()['frame_inds'].reshape(2, 4)
    drawn = [
        (DropOrRepeatFrames(ratio=0.25)(sample())['frame_inds'].reshape(2, 4) != same)
        .any(axis=1)
        .mean()
        for _ in range(1000)
    ]
    assert 0.2 < np.mean(drawn) < 0.3
    assert (DropOrRepeatFrames(ratio=0)(sample())['frame_inds'] == same.ravel()).all()


def test_a_video_too_short_to_skip_repeats():
    for _ in range(50):
        results = DropOrRepeatFrames(ratio=1)(
            sample(frame_inds=np.arange(4), num_clips=1, total_frames=4)
        )
        assert (np.diff(results['frame_inds']) == 0).any()


def test_what_is_decoded_is_what_the_indices_say(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=24)
    pipeline = Compose(
        [
            dict(type='OpenVideo'),
            dict(type='SampleSnippets', num_snippets=2, clip_len=4),
            dict(type='DropOrRepeatFrames', ratio=1),
            dict(type='DecodeFrames'),
        ]
    )
    results = pipeline(dict(filename=str(path), start_index=0))
    shown = [read_index(frame) for frame in results['imgs']]
    assert shown == results['frame_inds'].tolist()


def test_single_frames_are_rejected():
    with pytest.raises(ConfigError, match='clip_len = 1'):
        DropOrRepeatFrames()(sample(clip_len=1))


def test_an_altered_copy_matches_the_sum_written_out():
    frames = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    move = np.array([[1, 0, 1], [0, 1, 0]], float)  # a pixel to the right
    gain, offset = np.array([1, 0.5, 1.1]), np.array([0, 30, -20])
    altered = alter_copy(frames, warp=move, gain=gain, offset=offset)
    mask = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    mixed = blend(frames, altered, [mask, mask])
    for t in range(2):
        for y in range(5):
            for x in range(6):
                for c in range(3):
                    source = float(frames[t, y, abs(x - 1), c])  # mirrored at 0
                    copy = min(max(source * gain[c] + offset[c], 0), 255)
                    share = float(mask[y, x])
                    expected = share * copy + (1 - share) * float(frames[t, y, x, c])
                    assert abs(float(mixed[t, y, x, c]) - expected) <= 0.5 + 1e-3


def make_clips(num_clips=2, clip_len=3, label=0):
    one = np.random.default_rng(1).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    one = cv2.GaussianBlur(one, (0, 0), 2)
    frames = [one.copy() for _ in range(num_clips * clip_len)]
    return dict(imgs=frames, label=label, num_clips=num_clips, clip_len=clip_len)


def test_a_blended_real_video_is_a_fake_with_one_forgery_a_snippet():
    before = make_clips()
    results = BlendClipWithItself(ratio=1)(make_clips())
    assert results['label'] == 1
    snippets = np.stack(results['imgs']).reshape(2, 3, 48, 40, 3).astype(int)
    for snippet in snippets:
        # All frames of the still clip are forged alike, in the middle and not outside.
        assert (snippet == snippet[0]).all()
        change = np.abs(snippet[0] - before['imgs'][0]).max(axis=2)
        assert change[14:34, 12:28].mean() > 1
        assert change[:2].max() <= 1 and change[:, :1].max() <= 1
    assert (snippets[0] != snippets[1]).any()
    assert all(frame.dtype == np.uint8 for frame in results['imgs'])


@pytest.mark.parametrize(('label', 'ratio'), [(1, 1), (0, 0)])
def test_fakes_and_videos_not_drawn_stay_as_they_are(label, ratio):
    results = BlendClipWithItself(ratio=ratio)(make_clips(label=label))
    assert results['label'] == label
    expected = make_clips()['imgs']
    assert all((a == b).all() for a, b in zip(results['imgs'], expected, strict=True))


def test_a_share_of_the_real_videos_is_drawn():
    augment = BlendClipWithItself(ratio=0.3)
    labels = [augment(make_clips(1, 1))['label'] for _ in range(400)]
    assert 0.22 < np.mean(labels) < 0.38


def test_frames_of_different_sizes_are_rejected():
    clips = make_clips() | dict(filename='a.mp4')
    clips['imgs'][1] = clips['imgs'][1][:40]
    with pytest.raises(DataError, match=r"'a\.mp4'.* size"):
        BlendClipWithItself(ratio=1)(clips)


@pytest.mark.parametrize(
    ('kind', 'arguments'),
    [
        (BlendClipWithItself, dict(ratio=-0.1)),
        (BlendClipWithItself, dict(ratio=1.5)),
        (DropOrRepeatFrames, dict(ratio=1.5)),
        (DropOrRepeatFrames, dict(max_frames=0)),
    ],
)
def test_invalid_argument_is_rejected(kind, arguments):
    ((name, value),) = arguments.items()
    with pytest.raises(ConfigError, match=f'^{kind.__name__}: {name}={value}'):
        kind(**arguments)
