"""A video that ends its decoder costs that video; the others are scored as ever."""

import numpy as np
import pytest
from inference_builders import make_config, make_inferencer
from preparation_builders import make_face_video
from stubs.stub_decoders import TreacherousDecoder

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.inference import DecodingLimits, IsolatedDecoder
from mmdeepfake.inference.result_writers import ANNOTATED_MP4, write_video_results

CRASHED = (
    "video file 'segfault.mp4': its decoder crashed or ran out of memory (SIGSEGV)"
)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    return [
        make_face_video(folder / f'{name}.mp4', faces=((x, 30),))
        for name, x in (('a', 40), ('segfault', 40), ('b', 60))
    ]


@pytest.fixture(scope='module')
def treacherous():
    return IsolatedDecoder(make_decoder=TreacherousDecoder)


def numbers_of(result):
    scores = [s.fake_score for face in result.faces for s in face.snippets]
    boxes = [s.box_x1y1x2y2_px for face in result.faces for s in face.snippets]
    return [result.fake_score, result.test_score, scores, boxes, result.notes]


@pytest.mark.parametrize('kind', ['DeepfakeDataset', 'VideoFolder'])
def test_a_crash_costs_one_video_and_changes_no_score(
    tmp_path, videos, treacherous, kind
):
    cfg = make_config(kind)
    there = make_inferencer(tmp_path, cfg, decoder=treacherous)
    here = make_inferencer(tmp_path, cfg)
    results = list(there.infer_many(videos))
    assert [result.status for result in results] == ['ok', 'failed', 'ok']
    assert results[1].fault == CRASHED
    expected = list(here.infer_many(videos))
    for which in (0, 2):
        assert numbers_of(results[which]) == numbers_of(expected[which])
        assert results[which].faces


def test_videos_are_decoded_elsewhere_unless_asked_for(tmp_path):
    assert isinstance(make_inferencer(tmp_path, decoder=None).decoder, IsolatedDecoder)


def test_a_crash_while_drawing_leaves_the_verdict(tmp_path, videos, treacherous):
    inferencer = make_inferencer(tmp_path)
    result = inferencer.infer(videos[1])
    written = write_video_results(
        result, tmp_path / 'out', inferencer.facts, decoder=treacherous
    )
    assert ANNOTATED_MP4 not in written
    assert not (tmp_path / 'out' / ANNOTATED_MP4).exists()
    text = (tmp_path / 'out/result.json').read_text()
    assert f'no annotated video: {CRASHED}' in text
    assert '"status": "ok"' in text
    assert 'No annotated video' in (tmp_path / 'out/report.html').read_text()


def test_a_video_that_takes_too_long_has_failed(tmp_path, videos):
    inferencer = make_inferencer(tmp_path, timeout_seconds=1e-3)
    message = r"^video file 'a.mp4' took longer than the 0.001 s allowed$"
    with pytest.raises(DataError, match=message):
        inferencer.infer(videos[0])
    with pytest.raises(ConfigError, match='timeout_seconds=0; allowed'):
        make_inferencer(tmp_path, timeout_seconds=0)


def test_a_decoder_that_hangs_costs_one_video(tmp_path, videos):
    hanging = make_face_video(tmp_path / 'hangs.mp4')
    limits = DecodingLimits(stall_seconds=3)
    decoder = IsolatedDecoder(limits, make_decoder=TreacherousDecoder)
    inferencer = make_inferencer(tmp_path, decoder=decoder)
    results = list(inferencer.infer_many([hanging, videos[0]]))
    assert [result.status for result in results] == ['failed', 'ok']
    assert results[0].fault.endswith('gave no answer for 3 s and was ended')
    assert np.isfinite(results[1].fake_score)
