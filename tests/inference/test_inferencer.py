"""Raw videos get the scores of their test, over all faces and all of their frames."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from inference_builders import (
    CLIP_LEN,
    REAL_VIDEO,
    SETTINGS,
    make_config,
    make_inferencer,
    save_weights,
)
from preparation_builders import draw_faces, encode, make_face_video, make_request
from stubs.stub_detector import StubDetector

from mmdeepfake.apis import DeepfakeInferencer, build_runner
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.inference import GroupPrediction, LocalDecoder
from mmdeepfake.inference.result_page import describe_verdict
from mmdeepfake.inference.results import VERDICT_WORDS
from mmdeepfake.prepare.pipeline import run_preparation

TWO_FACES = [(20, 20), (95, 60)]


def make_steady_video(path, num_frames=20, faces=((40, 30),)):
    """Faces that never jump, before one grey: one shot, one track a face."""
    frames = (
        draw_faces(min(i, 19), faces, grey=90) if faces else draw_faces(i, (), grey=90)
        for i in range(num_frames)
    )
    return encode(path, frames)


def score_by_test(cfg, folder):
    """Score the config's test set as tools/test.py does: name of the video -> score."""
    cfg = cfg.copy()
    cfg.work_dir = str(folder / 'work')
    cfg.load_from = str(folder / 'weights.pth')
    cfg.test_evaluator.predictions_csv = str(folder / 'predictions.csv')
    build_runner(cfg).test()
    with open(folder / 'predictions.csv', newline='') as file:
        return {row['name']: float(row['fake_score']) for row in csv.DictReader(file)}


def write_operating_point(folder, **values):
    point = dict(
        threshold=0.25,
        temperature=2.0,
        max_false_positive_rate=0.1,
        false_positive_rate=0.1,
        true_positive_rate=0.9,
        num_real=10,
        num_fake=20,
        chosen_on='made up',
        predictions_sha256='',
    )
    OperatingPoint(**point | values).write(folder / 'operating_point.json')


class FixedPredictor:
    """Gives each group the mean brightness of its snippets, 0..1."""

    def __init__(self, clip_len=CLIP_LEN):
        self.batches = []
        self.clip_len = clip_len

    def predict(self, inputs):
        self.batches.append(len(inputs))
        return [self._score(group) for group in inputs]

    def _score(self, group):
        snippets = group.float().unflatten(0, (-1, self.clip_len))
        by_snippet = snippets.flatten(1).mean(1) / 255
        return GroupPrediction(float(by_snippet.mean()), tuple(by_snippet.tolist()))

    def explain(self, inputs):
        return np.ones((len(inputs), 2, 2), np.float32)

    def describe(self):
        return {'kind': 'fixed', 'training_data': REAL_VIDEO}


def make_fixed(predictor=None, cfg=None, **options):
    given = dict(detector=StubDetector(), heat_map='none', decoder=LocalDecoder())
    return DeepfakeInferencer(
        cfg or make_config(), predictor=predictor or FixedPredictor(), **given | options
    )


def infer_fixed(path, **options):
    return make_fixed(**options).infer(path)


def test_score_is_that_of_the_test_of_the_prepared_video(tmp_path):
    raw = tmp_path / 'raw/test'
    make_steady_video(raw / 'real/a.mp4', 31)
    make_steady_video(raw / 'fake/b.mp4', 44, TWO_FACES)
    run_preparation(make_request(tmp_path / 'raw', tmp_path / 'faces'))
    cfg = make_config(data_root=tmp_path / 'faces')
    inferencer = make_inferencer(tmp_path, cfg)
    scored = score_by_test(cfg, tmp_path)
    results = {
        path.stem: inferencer.infer(path)
        for path in (raw / 'real/a.mp4', raw / 'fake/b.mp4')
    }
    assert len(scored) == 2
    for name, score in scored.items():
        assert results[name.split('/')[-1]].test_score == pytest.approx(score, abs=1e-6)
    assert len(results['b'].faces) == 2
    # Scores differ, or the comparison would show nothing.
    assert np.ptp(list(scored.values())) > 1e-4


def test_config_of_whole_frames_is_followed_as_it_is(tmp_path):
    raw = tmp_path / 'raw'
    make_steady_video(raw / 'test/real/a.mp4', 31)
    make_face_video(raw / 'test/fake/b.mp4', 25)
    cfg = make_config('VideoFolder', data_root=raw)
    inferencer = make_inferencer(tmp_path, cfg, detector=None)
    scored = score_by_test(cfg, tmp_path)
    assert len(scored) == 2
    for name, score in scored.items():
        (path,) = raw.rglob(f'{name}.mp4')
        result = inferencer.infer(path)
        assert result.test_score == pytest.approx(score, abs=1e-6)
        (face,) = result.faces
        assert (face.first_frame, face.num_frames) == (0, result.num_frames)
        assert face.track is None
        assert face.highest.box_x1y1x2y2_px == (20, 0, 140, 120)
        assert any('no face was looked for' in note for note in result.notes)


def test_every_frame_of_every_face_is_in_a_snippet(tmp_path):
    path = make_steady_video(tmp_path / 'a.mp4', 43, TWO_FACES)
    result = infer_fixed(path, window_seconds=0.5)
    assert len(result.faces) == 2
    for face in result.faces:
        seen = {
            frame
            for snippet in face.snippets
            for frame in range(snippet.first_frame, snippet.last_frame + 1)
        }
        assert seen == set(range(face.first_frame, face.last_frame + 1))
        assert len(face.windows) > 2
        assert face.windows[-1].last_frame == face.last_frame


@pytest.mark.parametrize(('step', 'num_scored'), [(None, 16), (6, 8)])
def test_single_frames_are_scored_eight_times_a_second(tmp_path, step, num_scored):
    cfg = make_config(clip_len=1)
    cfg.model.backbone.clip_len = 1
    path = make_steady_video(tmp_path / 'a.mp4', 48)  # 25 frames per second
    every, some = (
        make_fixed(FixedPredictor(1), cfg, step_frames=step).infer(path).faces[0]
        for step in (1, step)
    )
    scores = {one.first_frame: one for one in every.snippets}
    assert sorted(scores) == list(range(48))
    assert len(some.snippets) == num_scored
    assert all(scores[one.first_frame] == one for one in some.snippets)
    frames = [one.first_frame for one in some.snippets]
    assert max(np.diff([-1, *frames, 48])) <= 48 / num_scored + 1
    assert some.test_score == every.test_score


def test_times_and_boxes_are_those_of_the_source(tmp_path):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', 16))
    snippet = result.faces[0].snippets[1]
    assert (snippet.first_frame, snippet.last_frame) == (4, 7)
    assert (snippet.start_seconds, snippet.end_seconds) == (0.16, 0.32)
    x1, y1, x2, y2 = snippet.box_x1y1x2y2_px
    # A face of 40 pixels at (40 + frame, 30), cut out with a margin of 1.3.
    assert (x1 + x2) / 2 == pytest.approx(65.5, abs=2)
    assert (y1 + y2) / 2 == pytest.approx(50, abs=2)
    assert x2 - x1 == pytest.approx(52, abs=3)


@pytest.mark.parametrize(('rule', 'merge'), [('max', max), ('mean', np.mean)])
def test_video_score_is_made_of_its_faces_by_the_rule(tmp_path, rule, merge):
    path = make_steady_video(tmp_path / 'a.mp4', 24, TWO_FACES)
    result = infer_fixed(path, track_rule=rule)
    scores = [face.fake_score for face in result.faces]
    assert result.fake_score == pytest.approx(merge(scores))


def test_face_score_is_the_mean_of_the_logits_of_its_groups(tmp_path):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', 24))
    face = result.faces[0]
    groups = [
        (a.fake_score + b.fake_score) / 2
        for a, b in zip(face.snippets[:3], face.snippets[3:], strict=True)
    ]
    logits = [np.log(p / (1 - p)) for p in groups]
    expected = 1 / (1 + np.exp(-sum(logits) / 3))
    assert face.fake_score == pytest.approx(expected, abs=1e-6)


def test_batches_are_filled_across_videos_and_change_nothing(tmp_path):
    paths = [make_steady_video(tmp_path / f'{n}.mp4', n) for n in (16, 24, 9)]
    one, many = FixedPredictor(), FixedPredictor()
    singly = [make_fixed(one, batch_size=2).infer(path) for path in paths]
    results = list(make_fixed(many, batch_size=9).infer_many(paths))
    assert set(one.batches) == {1}
    assert many.batches[:-1] == [4] * (len(many.batches) - 1)
    for result, alone in zip(results, singly, strict=True):
        assert result.path == alone.path
        assert result.fake_score == alone.fake_score
        assert result.test_score == alone.test_score


def test_video_without_a_face_is_not_called_real(tmp_path):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', faces=()))
    assert (result.status, result.verdict) == ('no_face', 'no face')
    assert result.fake_score is None


def test_video_of_one_frame_is_not_judged(tmp_path):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', 1))
    assert (result.status, result.verdict) == ('too_short', 'none')
    assert result.faces[0].verdict == 'none'
    assert any('fewer than the 4' in note for note in result.notes)


def test_short_video_follows_the_rule_of_the_config(tmp_path):
    cfg = make_config(short_video='repeat_last')
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', 2), cfg=cfg)
    assert result.verdict in ('fake', 'real')
    assert result.test_score == result.fake_score


def test_broken_file_does_not_stop_the_others(tmp_path):
    good = make_steady_video(tmp_path / 'folder/a.mp4')
    cut = tmp_path / 'folder/cut.mp4'
    cut.write_bytes(good.read_bytes()[:2000])
    text = tmp_path / 'folder/text.mp4'
    text.write_text('no video')
    gone = tmp_path / 'folder/gone.mp4'
    inferencer = make_fixed(heat_map='peak')
    results = list(inferencer.infer_many([cut, good, text, gone, good]))
    assert results[0].fault in repr(results[0])
    assert [r.status for r in results] == ['failed', 'ok', 'failed', 'failed', 'ok']
    assert [r.verdict for r in results][0::2][:2] == ['none', 'none']
    for result in results:
        assert str(tmp_path) not in result.fault
    assert "'text.mp4'" in results[2].fault
    with pytest.raises(DataError, match=r"^no video file 'gone.mp4'"):
        inferencer.infer(gone)


def test_operating_point_beside_the_checkpoint_is_taken(tmp_path):
    path = make_steady_video(tmp_path / 'a.mp4')
    plain = make_inferencer(tmp_path).infer(path)
    assert (plain.threshold, plain.is_calibrated) == (0.5, False)
    write_operating_point(tmp_path)
    inferencer = make_inferencer(tmp_path)
    result = inferencer.infer(path)
    assert (result.threshold, result.is_calibrated) == (0.25, True)
    odds = plain.fake_score / (1 - plain.fake_score)
    expected = odds**0.5 / (1 + odds**0.5)
    assert result.fake_score == pytest.approx(expected, abs=1e-6)
    assert result.faces[0].fake_score == result.fake_score
    assert result.test_score == plain.test_score
    assert result.verdict == ('fake' if expected >= 0.25 else 'real')
    assert 'made up' in inferencer.facts['threshold_origin']


def test_operating_point_of_another_checkpoint_is_refused(tmp_path):
    write_operating_point(tmp_path)
    sha256 = make_inferencer(tmp_path).facts['weights']['sha256']
    write_operating_point(tmp_path, checkpoint_sha256=sha256)
    assert make_inferencer(tmp_path).is_calibrated
    write_operating_point(tmp_path, checkpoint_sha256='0' * 64)
    with pytest.raises(DataError, match=r'another checkpoint.*calibrate\.py'):
        make_inferencer(tmp_path)
    assert make_inferencer(tmp_path, threshold=0.3).threshold == 0.3


def test_score_between_the_thresholds_is_uncertain(tmp_path):
    path = make_steady_video(tmp_path / 'a.mp4')
    score = infer_fixed(path).fake_score
    for lower, upper, verdict in (
        (score + 0.01, score + 0.02, 'real'),
        (score - 0.01, score + 0.01, 'uncertain'),
        (score, score, 'fake'),
    ):
        values = dict(threshold=upper, lower_threshold=lower, temperature=1.0)
        write_operating_point(tmp_path, **values)
        point = tmp_path / 'operating_point.json'
        result = infer_fixed(path, operating_point=point)
        assert (result.verdict, result.faces[0].verdict) == (verdict, verdict)
        assert (result.lower_threshold, result.threshold) == (lower, upper)
        words = describe_verdict(result)
        assert words.startswith(VERDICT_WORDS[verdict])
        assert ('uncertain from' in words) == (lower < upper)


@pytest.mark.parametrize(
    'trained_on',
    [
        None,
        {'kind': 'unknown', 'sets': (), 'num_persons': 0},
        {'kind': 'rendered', 'sets': ('MiniFF',), 'num_persons': 24},
    ],
)
def test_model_that_is_not_of_real_video_judges_none_unless_told_to(
    tmp_path, trained_on
):
    cfg = make_config()
    meta = {'iter': 5, 'cfg': cfg.pretty_text, 'training_data': trained_on}
    weights = save_weights(cfg, tmp_path / 'other.pth', meta=meta)
    path = make_steady_video(tmp_path / 'a.mp4')
    given = dict(detector=StubDetector(), heat_map='none', decoder=LocalDecoder())
    given['preparation'] = SETTINGS
    result = DeepfakeInferencer(cfg, weights, **given).infer(path)
    assert (result.verdict, result.faces[0].verdict) == ('not valid', 'not valid')
    words = describe_verdict(result)
    assert words.startswith('not valid for this video') and 'P(fake)' not in words
    assert any('--ignore-training-domain' in note for note in result.notes)
    forced = DeepfakeInferencer(cfg, weights, ignore_training_domain=True, **given)
    judged = forced.infer(path)
    assert judged.verdict == ('fake' if result.fake_score >= 0.5 else 'real')
    assert judged.fake_score == result.fake_score
    assert forced.facts['ignore_training_domain']
    assert any(note.startswith('judged although') for note in judged.notes)


FIGURE = {'split': 'test', 'auc': 0.9, 'low': None, 'high': None, 'num_videos': 7}


@pytest.mark.parametrize(
    ('record', 'named'),
    [
        ({'kind': 'drawn'}, "'drawn'; allowed: rendered, real video"),
        ({**REAL_VIDEO, 'figure': FIGURE}, "'sets'"),
        ({**REAL_VIDEO, 'figure': {**FIGURE, 'auc': 9, 'sets': ()}}, 'AUC 900'),
    ],
)
def test_training_data_that_are_not_a_record_are_refused(tmp_path, record, named):
    cfg = make_config()
    meta = {'iter': 5, 'training_data': record}
    weights = save_weights(cfg, tmp_path / 'other.pth', meta=meta)
    with pytest.raises(DataError, match=named):
        DeepfakeInferencer(cfg, weights, detector=StubDetector())


def test_result_and_detector_are_short_to_read_and_plain_to_write(tmp_path):
    inferencer = make_inferencer(tmp_path)
    result = inferencer(make_steady_video(tmp_path / 'a.mp4'))
    assert 'weights.pth, trained on real video (made up, 3 persons)' in repr(inferencer)
    assert repr(result).startswith("<VideoResult 'a.mp4': ")
    assert f'P(fake) {result.fake_score:.3f}' in repr(result)
    assert len(repr(result)) < 100 and len(repr(result.faces[0])) < 100
    with pytest.raises(TypeError, match='is one path'):
        next(inferencer.infer_many('a.mp4'))
    content = json.loads(json.dumps(result.to_dict()))
    assert content['verdict'] == result.verdict
    assert content['faces'][0]['fake_score'] == result.fake_score


def test_table_has_the_rows_of_the_scores(tmp_path, monkeypatch):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4'))
    table = lambda rows, columns: [dict(zip(columns, row, strict=True)) for row in rows]  # noqa: E731
    monkeypatch.setitem(sys.modules, 'pandas', SimpleNamespace(DataFrame=table))
    rows = result.to_dataframe()
    (face,) = result.faces
    assert [r['fake_score'] for r in rows if r['level'] == 'snippet'] == [
        snippet.fake_score for snippet in face.snippets
    ]
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(ConfigError, match='pip install pandas'):
        result.to_dataframe()


def test_features_are_what_the_last_layer_sees_of_each_snippet(tmp_path):
    path = make_steady_video(tmp_path / 'a.mp4', 24, TWO_FACES)
    inferencer = make_inferencer(tmp_path)
    features = inferencer.features(path)
    head = inferencer.predictor.model.cls_head.fc_cls
    for face, rows in zip(inferencer(path).faces, features, strict=True):
        logits = head(torch.from_numpy(rows)).softmax(1)[:, 1]
        expected = [snippet.fake_score for snippet in face.snippets]
        assert logits.tolist() == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ConfigError, match='need a checkpoint'):
        make_fixed().features(path)


def test_exported_file_judges_by_the_thresholds_that_it_carries(tmp_path):
    carried = dict(
        threshold=0.7, lower_threshold=0.6, temperature=2.0, is_calibrated=True
    )
    predictor = FixedPredictor()
    facts = {**predictor.describe(), 'file': 'a.onnx', **carried}
    predictor.describe = lambda: facts
    inferencer = make_fixed(predictor)
    assert inferencer.is_calibrated and inferencer.threshold == 0.7
    told = inferencer.facts
    assert (told['lower_threshold'], told['temperature']) == (0.6, 2.0)
    assert 'a.onnx' in told['threshold_origin']
    assert make_fixed(predictor, threshold=0.3).threshold == 0.3
    write_operating_point(tmp_path)
    point = tmp_path / 'operating_point.json'
    assert make_fixed(predictor, operating_point=point).threshold == 0.25


def test_fake_verdict_of_a_thumbnail_says_so(tmp_path):
    def draw(index):
        frame = draw_faces(index, ((40, 20),), grey=60)
        frame[:16, :16] = 0, 255, 0  # a still, bright and small face in the corner
        return frame

    path = encode(tmp_path / 'a.mp4', map(draw, range(20)))
    settings = replace(SETTINGS, min_face_px=8)
    result = infer_fixed(path, preparation=settings, threshold=0.01)
    main, corner = result.faces
    assert (main.size_px, corner.size_px) == (
        pytest.approx(40, abs=3), pytest.approx(16, abs=2),
    )  # fmt: skip
    assert [doubt.kind for doubt in corner.doubts][:2] == [
        'small', 'cut off',
    ]  # fmt: skip
    assert not any(doubt.kind == 'cut off' for doubt in main.doubts)
    words = describe_verdict(result)
    which = max(result.faces, key=lambda face: face.fake_score)
    name = f'face {which.index}, not the main one' if which.index else 'the main face'
    assert f'most suspicious is {name}' in words
    content = result.to_dict()['faces'][1]
    assert (content['size_px'], content['doubts']) == (
        corner.size_px, [str(doubt) for doubt in corner.doubts],
    )  # fmt: skip


def test_whole_frames_are_judged_with_a_word_that_no_face_was_looked_for(tmp_path):
    path = make_steady_video(tmp_path / 'a.mp4')
    result = infer_fixed(path, faces='whole')
    assert 'no face was looked for' in describe_verdict(result)


def test_peak_shows_what_the_model_saw_and_where_it_looked(tmp_path):
    result = infer_fixed(make_steady_video(tmp_path / 'a.mp4', 24), heat_map='peak')
    face = result.faces[0]
    assert face.highest.fake_score == max(s.fake_score for s in face.snippets)
    mean = face.peak.frames.mean() / 255
    assert mean == pytest.approx(face.highest.fake_score, abs=1e-3)
    assert face.peak.frames.shape == (CLIP_LEN, 16, 16, 3)
    assert face.peak.heat.shape == (CLIP_LEN, 2, 2)


def test_real_model_explains_its_peak(tmp_path):
    inferencer = make_inferencer(tmp_path, heat_map='all')
    result = inferencer.infer(make_steady_video(tmp_path / 'a.mp4', 24))
    heat = result.faces[0].peak.heat
    assert heat is not None, result.notes
    assert heat.min() >= 0
    assert heat.max() <= 1
    kept = result.heat.get(0, result.faces[0].snippets[-1].first_frame)
    assert kept.shape == heat.shape


def test_progress_is_reported_to_the_end(tmp_path):
    told = []
    inferencer = make_inferencer(tmp_path)
    inferencer.infer(make_steady_video(tmp_path / 'a.mp4', 24), progress=told.append)
    for stage in ('find faces', 'score'):
        last = [one for one in told if one.stage == stage][-1]
        assert (last.video, last.done, last.total) == ('a.mp4', 24, 24)


def test_nan_is_not_a_score(tmp_path):
    class Diverged(FixedPredictor):
        def predict(self, inputs):
            return [GroupPrediction(float('nan')) for _ in inputs]

    (result,) = make_fixed(Diverged()).infer_many(
        [make_steady_video(tmp_path / 'a.mp4')]
    )
    assert result.status == 'failed'
    assert 'diverged' in result.fault


def test_fault_of_the_model_costs_only_its_video(tmp_path):
    class Failing(FixedPredictor):
        def predict(self, inputs):
            if len(self.batches) == 1:
                self.batches.append(0)
                raise RuntimeError('broken model')
            return super().predict(inputs)

    paths = [make_steady_video(tmp_path / f'{n}.mp4', n) for n in (8, 9, 10)]
    results = list(make_fixed(Failing()).infer_many(paths))
    assert [one.status for one in results] == ['ok', 'failed', 'ok']
    assert 'broken model' in results[1].fault


def test_interrupt_ends_the_thread_of_the_network(tmp_path):
    def interrupt(progress):
        if progress.stage == 'score' and progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_fixed().infer(make_steady_video(tmp_path / 'a.mp4'), progress=interrupt)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith('network')]


def test_without_trained_weights_there_is_no_verdict(tmp_path):
    cfg = make_config()
    with pytest.raises(ConfigError, match='needs trained weights'):
        DeepfakeInferencer(cfg)
    with pytest.raises(DataNotFoundError, match=r'none\.pth'):
        DeepfakeInferencer(cfg, tmp_path / 'none.pth', detector=StubDetector())


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        (
            {'cls_head.fc_cls.weight': None},
            r'1 missing keys \(cls_head.fc_cls.weight\)',
        ),
        ({'more': torch.ones(1)}, r'1 unexpected keys \(more\)'),
        ({'cls_head.fc_cls.bias': torch.ones(3)}, 'instead of'),
        ({'cls_head.fc_cls.bias': torch.tensor([1, np.nan])}, 'not finite'),
        ({'meta': {'iter': 0}}, 'before the first step of training'),
    ],
)
def test_weights_that_do_not_make_the_whole_model_are_refused(
    tmp_path, changed, message
):
    cfg = make_config()
    path = save_weights(cfg, tmp_path / 'weights.pth', **changed)
    with pytest.raises(DataError, match=message):
        DeepfakeInferencer(cfg, path, detector=StubDetector())


def test_checkpoint_that_runs_code_is_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {}, 'more': argparse.Namespace()}, path)
    with pytest.raises(DataError, match='holds more than weights'):
        DeepfakeInferencer(make_config(), path, detector=StubDetector())


def test_config_that_training_wrote_beside_the_checkpoint_is_taken(tmp_path):
    cfg = make_config()
    path = save_weights(cfg, tmp_path / 'weights.pth')
    cfg.dump(str(tmp_path / 'mine.py'))
    (tmp_path / 'other.py').write_text('')
    inferencer = DeepfakeInferencer(None, path, detector=StubDetector())
    assert inferencer.facts['config'] == 'mine.py'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'device': 'tpu9'}, "device 'tpu9'; allowed: 'auto'"),
        ({'device': 'cuda:63'}, 'cuda:63'),
        ({'batch_size': 1}, 'batch size 1; allowed: 2'),
        ({'heat_map': 'some'}, "heat_map='some'; allowed: 'none'"),
        ({'faces': 'some'}, "faces='some'; allowed: 'config'"),
        ({'track_rule': 'min'}, "track rule 'min'; allowed: 'max'"),
        ({'step_frames': 0}, 'step_frames=0; allowed: 1'),
        ({'window_seconds': 0}, 'window_seconds=0; allowed'),
        ({'threshold': 2}, 'threshold 2; allowed: 0 to 1'),
        ({'threshold': 0.3, 'operating_point': 'x'}, 'give one of them'),
    ],
)
def test_option_out_of_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_fixed(**options)


def test_config_that_samples_otherwise_is_refused():
    with pytest.raises(ConfigError, match="one SampleSnippets with position='centred'"):
        make_fixed(cfg=make_config(position='random'))
    cfg = make_config()
    cfg.pop('test_dataloader')
    with pytest.raises(ConfigError, match='no test_dataloader'):
        make_fixed(cfg=cfg)
