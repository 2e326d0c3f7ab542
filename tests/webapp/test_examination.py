"""What the worker makes of real files, with the tiny detector."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from builders import make_video
from inference_builders import make_config, make_inferencer
from mmengine.registry import init_default_scope
from preparation_builders import encode, make_face_video

from mmdeepfake.inference.results import PeakSnippet, SnippetScore
from mmdeepfake.registry import MODELS
from mmdeepfake.visualization.evidence import find_basis_regions
from mmdeepfake.webapp.examination import (
    VideoExaminer,
    draw_regions,
    find_regions,
    make_video_examiner,
)
from mmdeepfake.webapp.limits import Limits, Refusal

NAME = '<img src=x onerror=alert(1)>.mp4'
CLIP_LEN, SIDE = 4, 64


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    """Looks for green faces."""
    init_default_scope('mmaction')
    return make_inferencer(tmp_path_factory.mktemp('model'), heat_map='peak')


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / 'job1/results'
    folder.mkdir(parents=True)
    return folder


def examine(detector, video, results, *, report=lambda *_: None, **limits):
    examiner = VideoExaminer(detector, Limits(**limits))
    return examiner.examine(video, results, NAME, report)


@pytest.fixture(scope='module')
def examined(detector, tmp_path_factory):
    """An upload, the folder of its results, its findings and the progress reports."""
    folder = tmp_path_factory.mktemp('examined')
    upload, results, told = folder / 'upload', folder / 'results', []
    make_face_video(folder / 'a.mp4').rename(upload)
    results.mkdir()
    report = lambda *one: told.append(one)  # noqa: E731
    return upload, results, examine(detector, upload, results, report=report), told


def test_findings_are_those_of_inference(detector, examined):
    upload, _, found, told = examined
    expected = detector.infer(upload)
    assert found['fake_score'] == pytest.approx(expected.fake_score)
    assert (found['verdict'], found['threshold']) == (expected.verdict, 0.5)
    assert not found['is_calibrated']
    (face,) = found['faces']
    peak = expected.faces[0].highest
    assert f'{peak.fake_score:.3f} at {peak.start_seconds:.2f} s' in face['caption']
    assert 'heat maps' in face['caption'] and 'Every video has a' in face['caption']
    assert face['name'] == 'Main face' and face['doubts'][0].startswith('Small: ')
    assert face['pictures'] == {'heat': 'heat_0.png'}
    assert found['files'] == [
        'annotated.mp4', 'heat_0.png', 'report.html', 'result.json', 'scores.csv',
        'timeline.svg',
    ]  # fmt: skip
    assert {stage for stage, _, _ in told} == {
        'Looking for faces', 'Scoring', 'Drawing the video',
    }  # fmt: skip
    json.dumps(found)


def test_files_name_the_video_escaped_and_no_folder(examined):
    upload, results, found, _ = examined
    place = str(upload.parent)
    page = (results / 'report.html').read_text()
    assert '<img src=x' not in page
    assert '&lt;img src=x onerror=alert(1)&gt;.mp4' in page
    assert json.loads((results / 'result.json').read_text())['video'] == NAME
    with open(results / 'scores.csv', newline='') as file:
        assert {row['video'] for row in csv.DictReader(file)} == {NAME}
    for name in ('report.html', 'result.json', 'scores.csv'):
        assert place not in (results / name).read_text()
    assert place not in json.dumps(found)
    assert place.encode() not in (results / 'annotated.mp4').read_bytes()


def test_video_without_a_face_has_no_verdict(detector, tmp_path, results):
    encode(tmp_path / 'upload.mp4', [np.full((64, 64, 3), 90, np.uint8)] * 12)
    found = examine(detector, tmp_path / 'upload.mp4', results)
    assert (found['verdict'], found['fake_score']) == ('no face', None)
    assert found['faces'] == []
    assert 'annotated.mp4' not in found['files']


@pytest.mark.parametrize(
    ('limits', 'kind', 'message'),
    [
        (dict(max_seconds=0.4), 'too_long', 'longer than 0.4 seconds'),
        (dict(max_pixels=4000), 'too_big', 'A frame of the video has 0.0 megapixels'),
    ],
)
def test_limits_hold_for_what_the_file_holds(
    detector, tmp_path, results, limits, kind, message
):
    make_video(tmp_path / 'upload.mp4', num_frames=12)  # 0.48 s of 64 x 64
    with pytest.raises(Refusal, match=message) as caught:
        examine(detector, tmp_path / 'upload.mp4', results, **limits)
    assert caught.value.kind == kind
    assert not list(results.iterdir())


def test_rate_that_a_header_claims_makes_no_long_video_short():
    with pytest.raises(Refusal, match='longer than 10 seconds'):
        Limits(max_seconds=10).check_video(
            num_frames=2401, duration_seconds=0.1, num_pixels=1
        )


def test_damaged_file_is_refused_without_its_place(detector, tmp_path, results):
    whole = make_video(tmp_path / 'whole.mp4', num_frames=12)
    content = (whole or tmp_path / 'whole.mp4').read_bytes()
    for share in (0.3, 0.9):
        upload = tmp_path / 'upload'
        upload.write_bytes(content[: int(share * len(content))])
        with pytest.raises(Refusal, match='cannot be read as a video') as caught:
            examine(detector, upload, results)
        assert caught.value.kind == 'broken'
        assert str(tmp_path) not in caught.value.message


def test_examiner_is_made_of_what_the_command_line_says(tmp_path):
    make_inferencer(tmp_path)
    cfg = make_config('VideoFolder')
    settings = dict(
        config=cfg, checkpoint=tmp_path / 'weights.pth', device='cpu', threshold=0.7
    )
    told = make_video_examiner(settings, Limits()).describe()
    assert told['threshold'] == 0.7
    assert 'StubBackbone' in told['model']


@pytest.fixture(scope='module')
def ratf_model():
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='SnippetRecognizer',
            backbone=dict(type='RATFNet', depth=18, clip_len=CLIP_LEN, pretrained=None),
            cls_head=dict(type='TSNHead', num_classes=2, in_channels=512, topk=(1,)),
            data_preprocessor=dict(
                type='ActionDataPreprocessor', mean=[128.0] * 3, std=[64.0] * 3
            ),
        )
    ).eval()
    model.init_weights()
    return model


def make_peak(snippet_index):
    inputs = torch.randint(
        0, 256, (2 * CLIP_LEN, 3, SIDE, SIDE), dtype=torch.uint8,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    snippet = SnippetScore(0, 3, 0.0, 0.1, 0.9, (0, 0, 1, 1))
    frames = np.full((CLIP_LEN, SIDE, SIDE, 3), 128, np.uint8)
    return PeakSnippet(snippet, frames, inputs, snippet_index)


@pytest.mark.parametrize('snippet_index', [0, 1])
def test_regions_are_those_of_the_snippet_that_is_shown(ratf_model, snippet_index):
    peak = make_peak(snippet_index)
    expected = find_basis_regions(ratf_model, (peak.inputs.float() - 128) / 64)
    chosen, num_filters = find_regions(peak, ratf_model)
    assert num_filters == expected.weights.shape[1]
    np.testing.assert_array_equal(
        chosen, expected.chosen_at_frame_size()[snippet_index]
    )


def test_each_region_has_its_colour():
    chosen = np.repeat([[0, 1]], SIDE, axis=0).repeat(SIDE // 2, axis=1)
    picture = draw_regions(make_peak(0), chosen, 4)
    left, right = picture[:, 5].astype(int), picture[:, picture.shape[1] // 4 - 5]
    assert (left[:, 1] > left[:, 0]).all()  # green
    assert (right[:, 0] > right[:, 1]).all()  # pink


def test_model_without_ratf_has_no_regions(detector):
    assert find_regions(make_peak(0), detector.predictor.model) is None
    assert find_regions(make_peak(0), None) is None
