import functools
import tracemalloc

import av
import cv2
import numpy as np
import pytest

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.faces.detection import Faces, build_detector
from mmdeepfake.faces.tracking import TrackingSettings, track_faces

SIZE = (120, 160)  # height, width


class DrawnFaces:
    """Detects given boxes; the first pixels of the frames of `draw` are their number.

    Attributes:
        boxes: by number of the frame, in pixels of the source.
        seen: numbers of the frames that it was given, batch by batch.
    """

    name = 'drawn'

    def __init__(self, boxes, *, noise_px=0.0, drop=(), scores=None, points=False):
        self.boxes = boxes
        self.seen = []
        self._drop = set(drop)
        self._rng = np.random.default_rng(0)
        self._noise_px = noise_px
        self._scores = scores
        self._has_points = points

    def detect(self, frames):
        numbers = [int(frame[0, 0, 0]) + 256 * int(frame[0, 0, 1]) for frame in frames]
        self.seen.append(numbers)
        return [
            self._faces_in(number, frame)
            for number, frame in zip(numbers, frames, strict=True)
        ]

    def _faces_in(self, number, frame):
        boxes = np.array(self.boxes[number], float).reshape(-1, 4)
        if number in self._drop:
            boxes = boxes[:0]
        boxes = boxes + self._rng.normal(0, self._noise_px, boxes.shape)
        boxes = boxes * frame.shape[1] / SIZE[1]
        scores = np.full(len(boxes), 0.9) if self._scores is None else self._scores
        points = np.repeat(boxes[:, None, :2], 5, 1) if self._has_points else None
        return Faces(boxes.astype(np.float32), scores, points)


@functools.cache
def make_scene(seed):
    coarse = np.random.default_rng(seed).integers(30, 220, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def draw(num_frames, scene_of=lambda number: 0):
    """Yield frames that contain their number; one soft image per scene."""
    for number in range(num_frames):
        frame = make_scene(int(scene_of(number))).copy()
        frame[:12, :12] = (number % 256, number // 256, 0)
        yield frame


def moving_box(num_frames, *, side=30.0, speed=0.5, sway=6.0):
    """Return the boxes of a head that walks and sways: (F, 4)."""
    time = np.arange(num_frames)
    x = 50 + speed * time + sway * np.sin(time / 15)
    y = 60 + sway * np.cos(time / 20)
    half = side / 2
    return np.stack((x - half, y - half, x + half, y + half), 1)


def jitter(boxes):
    """Return the mean size of the second difference of the centres, in pixels."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.linalg.norm(np.diff(centres, 2, axis=0), axis=1).mean()


def test_track_has_a_box_for_every_frame():
    boxes = moving_box(98)
    detector = DrawnFaces(boxes)
    result = track_faces(draw(98), detector)
    (track,) = result.tracks
    assert (track.first_frame, len(track), result.num_frames) == (0, 98, 98)
    assert np.flatnonzero(track.detected).tolist() == [*range(0, 98, 5), 97]
    assert np.concatenate(detector.seen).tolist() == [*range(0, 98, 5), 97]
    assert result.scene_cuts == []
    np.testing.assert_allclose(track.boxes, boxes, atol=0.7)


@pytest.mark.parametrize(('detect_every', 'most'), [(1, 0.05), (5, 0.7)])
def test_noise_and_misses_are_smoothed_away(detect_every, most):
    boxes = moving_box(100)
    rng = np.random.default_rng(1)
    drop = rng.choice(np.arange(5, 95, 5), 6, replace=False)
    tracks = [
        track_faces(
            draw(100),
            DrawnFaces(boxes, noise_px=1.0, drop=drop),
            TrackingSettings(smoothing_frames=sigma, detect_every=detect_every),
        ).tracks
        for sigma in (0.0, 3.0)
    ]
    assert [len(found) for found in tracks] == [1, 1]
    raw, smooth = (found[0].boxes for found in tracks)
    error = [np.abs(found - boxes).mean() for found in (raw, smooth)]
    assert error[1] < error[0] < 1.0
    assert jitter(smooth) < most * jitter(raw)
    assert not tracks[1][0].detected[drop].any()


def test_every_frame_detected_and_no_smoothing_gives_the_detections():
    boxes = moving_box(20)
    settings = TrackingSettings(detect_every=1, smoothing_frames=0)
    (track,) = track_faces(draw(20), DrawnFaces(boxes), settings).tracks
    np.testing.assert_allclose(track.boxes, boxes, rtol=1e-5)
    assert track.detected.all()


def test_boxes_and_points_are_in_pixels_of_the_source():
    boxes = moving_box(40)
    settings = TrackingSettings(detection_side_px=80, smoothing_frames=0)
    detector = DrawnFaces(boxes, points=True)
    (track,) = track_faces(draw(40), detector, settings).tracks
    np.testing.assert_allclose(track.boxes[::5], boxes[::5], rtol=1e-5)
    np.testing.assert_allclose(track.points[::5, 2], boxes[::5, :2], rtol=1e-5)


def test_detector_gets_frames_scaled_down_in_batches():
    sizes = []

    class Watching(DrawnFaces):
        def detect(self, frames):
            sizes.append([frame.shape for frame in frames])
            return super().detect(frames)

    settings = TrackingSettings(detection_side_px=80, batch_size=3)
    track_faces(draw(31), Watching(moving_box(31)), settings)
    assert sizes == [[(60, 80, 3)] * 3, [(60, 80, 3)] * 3, [(60, 80, 3)]]


def test_cut_splits_tracks_and_both_its_sides_are_detected():
    boxes = np.concatenate((moving_box(42), moving_box(40)))
    detector = DrawnFaces(boxes)
    result = track_faces(draw(82, lambda number: number >= 42), detector)
    assert result.scene_cuts == [42]
    spans = sorted((track.first_frame, len(track)) for track in result.tracks)
    assert spans == [(0, 42), (42, 40)]
    assert {41, 42} <= {number for batch in detector.seen for number in batch}
    for track in result.tracks:  # nothing leaks over the cut
        part = boxes[track.first_frame : track.first_frame + len(track)]
        np.testing.assert_allclose(track.boxes, part, atol=0.7)


def test_people_are_separated_and_the_dominant_one_is_first():
    small, large = moving_box(60, side=20), moving_box(60, side=36)
    small[:, ::2] -= 35
    large[:, ::2] += 20
    result = track_faces(draw(60), DrawnFaces(np.stack((small, large), 1)))
    assert [len(track) for track in result.tracks] == [60, 60]
    np.testing.assert_allclose(result.tracks[0].boxes, large, atol=0.7)
    np.testing.assert_allclose(result.tracks[1].boxes, small, atol=0.7)


def test_single_detection_is_not_a_track():
    boxes = [[list(box)] for box in moving_box(60)]
    boxes[30].append([120, 90, 140, 110])
    result = track_faces(draw(60), DrawnFaces(boxes))
    assert len(result.tracks) == 1


@pytest.mark.parametrize('length', [1, 2, 5])
def test_shortest_videos_have_a_track_too(length):
    result = track_faces(draw(length), DrawnFaces(moving_box(length)))
    assert [len(track) for track in result.tracks] == [length]


def test_video_without_a_face_has_no_track():
    result = track_faces(draw(23), DrawnFaces([[]] * 23))
    assert (result.tracks, result.num_frames) == ([], 23)


def test_weak_detections_make_no_track():
    detector = DrawnFaces(moving_box(40), scores=np.array([0.4]))
    assert track_faces(draw(40), detector).tracks == []


def test_scores_between_detections_are_interpolated():
    class Fading(DrawnFaces):
        def _faces_in(self, number, frame):
            faces = super()._faces_in(number, frame)
            score = np.array([1.0 - number / 100], np.float32)
            return Faces(faces.boxes, score)

    (track,) = track_faces(draw(41), Fading(moving_box(41))).tracks
    np.testing.assert_allclose(track.scores, 1 - np.arange(41) / 100, rtol=1e-5)


def test_memory_is_flat_over_the_length_of_the_video():
    peaks = []
    for num_frames in (50, 350):
        detector = DrawnFaces(moving_box(num_frames, speed=0.05))
        frames = draw(num_frames)
        tracemalloc.start()
        track_faces(frames, detector)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    frame_bytes = SIZE[0] * SIZE[1] * 3
    # Only the tracks' own numbers grow: by less than 6 frames for 300 more.
    assert peaks[1] - peaks[0] < 6 * frame_bytes


def test_no_frames_are_refused():
    with pytest.raises(DataError, match='no frames'):
        track_faces(iter(()), DrawnFaces([]))


def test_frames_of_two_sizes_are_refused():
    frames = [*draw(7), np.zeros((60, 80, 3), np.uint8)]
    with pytest.raises(DataError, match=r'frame 7 .* 80 x 60 .* 160 x 120'):
        track_faces(frames, DrawnFaces(moving_box(7)))


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'detect_every': 0}, 'detect_every=0 .* whole number from 1$'),
        ({'detect_every': 2.5}, r'detect_every=2\.5 .* whole number from 1$'),
        ({'batch_size': True}, 'batch_size=True'),
        ({'start_score': 1.5}, r'start_score=1\.5 .*a number from 0 to 1$'),
        ({'smoothing_frames': -1}, 'smoothing_frames=-1 .*a number from 0'),
        ({'smoothing_frames': float('nan')}, 'smoothing_frames=nan'),
        ({'cut_threshold': '9'}, "cut_threshold='9' .*a number from 0 to 256"),
    ],
)
def test_invalid_settings_are_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        TrackingSettings(**changed)


def test_real_clip_has_one_smooth_track_over_all_frames(real_tracking):
    (track,) = real_tracking.tracks
    assert (track.first_frame, len(track), real_tracking.scene_cuts) == (0, 96, [])
    side = np.sqrt((track.boxes[:, 2:] - track.boxes[:, :2]).prod(1)).mean()
    assert jitter(track.boxes) < 0.01 * side
    centres = track.points.mean(1)
    assert ((track.boxes[:, :2] < centres) & (centres < track.boxes[:, 2:])).all()


@pytest.mark.slow
def test_every_real_clip_has_one_track_over_all_frames(realff):
    detector = build_detector('centerface')
    for path in sorted((realff / 'original_sequences').rglob('*.mp4')):
        with av.open(str(path)) as container:
            frames = (f.to_ndarray(format='rgb24') for f in container.decode(video=0))
            tracks = track_faces(frames, detector).tracks
        spans = [(track.first_frame, len(track)) for track in tracks]
        assert spans == [(0, 96)], path
