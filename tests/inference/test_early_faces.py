"""Faces that are found while the model is built change nothing but the time."""

import sys
import threading

import pytest
from inference_builders import SETTINGS, make_inferencer
from preparation_builders import make_face_video
from stubs.stub_detector import StubDetector

from mmdeepfake.errors import DataError
from mmdeepfake.inference import early_faces
from mmdeepfake.inference.early_faces import EarlyFaces
from mmdeepfake.video.local_decoding import LocalDecoder


@pytest.fixture
def begin(monkeypatch):
    """Return a function that begins the search in a video, with the stub detector."""
    begun = []

    def begin(path, detector=None):
        detector = detector or StubDetector()
        monkeypatch.setattr(early_faces, 'build_detector', lambda *a, **k: detector)
        begun.append(EarlyFaces(path, SETTINGS, LocalDecoder()))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def test_result_is_that_of_finding_them_later(tmp_path, begin):
    paths = [make_face_video(tmp_path / f'{name}.mp4') for name in 'ab']
    later = [make_inferencer(tmp_path).infer(path) for path in paths]
    detector = StubDetector()
    inferencer = make_inferencer(tmp_path, early=begin(paths[0]), detector=detector)
    early = [inferencer.infer(path) for path in paths]
    for one, other in zip(early, later, strict=True):
        assert one.faces
        assert one.to_dict() | {'seconds': 0} == other.to_dict() | {'seconds': 0}


def test_error_is_that_of_finding_them_later(tmp_path, begin):
    path = tmp_path / 'text.mp4'
    path.write_text('no video')
    faults = [
        next(make_inferencer(tmp_path, **given).infer_many([path])).fault
        for given in ({}, dict(early=begin(path)))
    ]
    assert faults[0] == faults[1] != ''


def test_other_settings_or_videos_are_not_taken(tmp_path, begin):
    path = make_face_video(tmp_path / 'a.mp4')
    early = begin(path)
    other = early_faces.PreparationSettings(layout='folder', min_face_px=17)
    assert early.take(tmp_path / 'b.mp4', SETTINGS, print) is None
    assert early.take(path, other, print) is None
    assert early.take(path, SETTINGS, print) is not None
    assert early.take(path, SETTINGS, print) is None


class _Slow(StubDetector):
    """Does not come to an end until it is let."""

    def __init__(self):
        super().__init__()
        self.may_end = threading.Event()

    def detect(self, frames):
        self.may_end.wait()
        return super().detect(frames)


def test_who_waits_may_give_up(tmp_path, begin, monkeypatch):
    monkeypatch.setattr(early_faces, '_LOOK_SECONDS', 0.01)
    path = make_face_video(tmp_path / 'a.mp4')
    interval, detector = sys.getswitchinterval(), _Slow()
    early = begin(path, detector)

    def report(num_frames):
        raise DataError('too long')

    with pytest.raises(DataError, match='too long'):
        early.take(path, SETTINGS, report)
    assert sys.getswitchinterval() == interval
    detector.may_end.set()
    assert isinstance(early._found.exception(), InterruptedError)
