import json
import logging
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook

import mmdeepfake.evaluation  # noqa: F401  (registers the metric)
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation import read_predictions, summarise
from mmdeepfake.evaluation.metrics import read_sample
from mmdeepfake.evaluation.ranking import area_under_roc
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.registry import METRICS
from mmdeepfake.structures import VideoKey


def make_sample(name, label, fake_score, *, method='Deepfakes', snippet_scores=None):
    sample = ActionDataSample()
    sample.set_gt_label(label)
    sample.set_pred_score(torch.tensor([1 - fake_score, fake_score]))
    key = VideoKey('ffpp', label, method if label else 'real', 'c40', name)
    sample.set_metainfo({'video_key': key})
    if snippet_scores is not None:
        sample.set_field(torch.tensor(snippet_scores), 'snippet_scores')
    return sample


def make_samples(num_videos=20):
    rng = np.random.default_rng(0)
    return [
        make_sample(f'{i:03d}', i % 2, float(rng.beta(2 + i % 2, 2)))
        for i in range(num_videos)
    ]


def evaluate(samples, size=None, **config):
    evaluator = Evaluator([dict(type='DeepfakeMetric', **config)])
    for start in range(0, len(samples), 3):
        evaluator.process(samples[start : start + 3])
    return evaluator.evaluate(len(samples) if size is None else size)


def test_figures_are_floats_under_the_prefix():
    samples = make_samples()
    figures = evaluate(samples)
    expected = area_under_roc(
        [int(s.gt_label) for s in samples], [float(s.pred_score[1]) for s in samples]
    )
    assert figures['deepfake/auc'] == expected
    assert figures['deepfake/Deepfakes/auc'] == figures['deepfake/macro/auc']
    assert figures['deepfake/num_videos'] == 20
    assert figures['deepfake/num_real'] == figures['deepfake/num_fake'] == 10
    # MMEngine writes a figure that is no float into a test's log as null.
    assert all(isinstance(figure, float) for figure in figures.values())


@pytest.mark.parametrize('name', ['auc', 'macro/auc', 'Deepfakes/auc', 'acc'])
def test_checkpoint_hook_prefers_the_greater_by_itself(name):
    assert f'deepfake/{name}' in evaluate(make_samples())
    assert CheckpointHook(save_best=f'deepfake/{name}').rules == ['greater']


def test_samples_that_the_sampler_added_count_once():
    samples = make_samples(5)
    figures = evaluate([*samples, samples[0]], size=5)
    assert figures == evaluate(samples)


def test_video_scored_twice_is_refused():
    samples = make_samples(4)
    with pytest.raises(DataError, match='ffpp/real/real/c40/000 was scored more than'):
        evaluate([*samples, samples[0]])


@pytest.fixture
def logged(monkeypatch):
    """(level, message) of everything that the metric logs."""
    lines = []
    monkeypatch.setattr(
        'mmdeepfake.evaluation.metrics.print_log',
        lambda message, logger, level=logging.INFO: lines.append((level, message)),
    )
    return lines


def test_table_is_logged(logged):
    evaluate(make_samples())
    ((level, message),) = logged
    assert level == logging.INFO
    assert 'AUC % [95% CI]' in message
    assert 'Level: video. 20 videos (10 real, 10 fake).' in message


def test_videos_left_out_are_told(logged):
    figures = evaluate(make_samples(4), size=6)
    assert figures['deepfake/num_videos'] == 4
    level, message = logged[-1]
    assert level == logging.WARNING
    assert '4 videos were scored, the dataset has 6' in message


def test_one_class_alone_does_not_stop_a_run():
    figures = evaluate([make_sample('0', 0, 0.2), make_sample('1', 0, 0.7)])
    assert math.isnan(figures['deepfake/auc'])
    assert figures['deepfake/acc'] == 0.5


def test_metric_can_be_used_for_the_next_epoch():
    metric = METRICS.build(dict(type='DeepfakeMetric'))
    samples = [sample.to_dict() for sample in make_samples(6)]
    metric.process(None, samples)
    first = metric.evaluate(6)
    metric.process(None, samples)
    assert metric.evaluate(6) == first


def test_key_that_came_back_as_a_plain_tuple_is_taken():
    sample = make_sample('000', 1, 0.75).to_dict()
    sample['video_key'] = tuple(sample['video_key'])
    metric = METRICS.build(dict(type='DeepfakeMetric'))
    metric.process(None, [sample])
    assert metric.results[0].key == VideoKey('ffpp', 1, 'Deepfakes', 'c40', '000')


UNSCORED = (
    (VideoKey('ffpp', 0, 'real', 'c40', '900'), 'no_face', ()),
    (VideoKey('ffpp', 1, 'Deepfakes', 'c40', '901'), 'no_face', ()),
    (VideoKey('ffpp', 1, 'Deepfakes', 'c40', '902'), 'failed', ()),
)


def evaluate_with(samples, unscored=(), **config):
    evaluator = Evaluator([dict(type='DeepfakeMetric', **config)])
    evaluator.dataset_meta = {'unscored_videos': unscored}
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def test_videos_without_a_face_are_scored_and_counted(tmp_path, logged):
    samples = make_samples()
    csv = str(tmp_path / 'p.csv')
    figures = evaluate_with(samples, UNSCORED, predictions_csv=csv)
    labels = [*(int(s.gt_label) for s in samples), 0, 1, 1]
    scores = [*(float(s.pred_score[1]) for s in samples), 0.5, 0.5, 0.5]
    assert figures['deepfake/auc'] == area_under_roc(labels, scores)
    assert figures['deepfake/num_videos'] == 23
    assert figures['deepfake/num_no_face'] == 2
    assert figures['deepfake/num_failed'] == 1
    assert all(level == logging.INFO for level, _ in logged)
    assert 'no face was found in 2 and preparation failed for 1' in logged[0][1]
    assert 'score 0.5, which ACC counts as fake' in logged[0][1]
    read = read_predictions(csv)
    assert len(read) == 23
    assert [p.fake_score for p in read if p.key == UNSCORED[2][0]] == [0.5]


def test_score_of_a_video_without_a_face_is_a_setting(tmp_path):
    path = tmp_path / 'm.json'
    figures = evaluate_with(
        make_samples(), UNSCORED, no_face_score=0.25, metrics_json=str(path)
    )
    base = evaluate(make_samples())
    assert figures['deepfake/acc'] == (base['deepfake/acc'] * 20 + 1) / 23
    content = json.loads(path.read_text())
    assert (content['num_no_face'], content['num_failed']) == (2, 1)
    summary = Summary.from_json(content)
    assert summary.no_face_score == 0.25
    assert any('which ACC counts as real' in note for note in summary.notes())


LEFT_OUT = tuple(
    (VideoKey('ffpp', 1, 'Deepfakes', 'c40', f'95{i}'), kind)
    for i, kind in enumerate(('too short', 'no landmarks', 'too short'))
)


def test_share_of_videos_that_the_model_can_use_is_told(tmp_path, logged):
    path = tmp_path / 'm.json'
    evaluator = Evaluator([dict(type='DeepfakeMetric', metrics_json=str(path))])
    evaluator.dataset_meta = {'left_out_videos': LEFT_OUT}
    evaluator.process(make_samples())
    figures = evaluator.evaluate(20)
    assert figures['deepfake/num_videos'] == 20
    assert figures['deepfake/num_left_out'] == 3
    assert figures['deepfake/coverage'] == 20 / 23
    assert 'Coverage: 87.0%. Of 23 videos' in logged[0][1]
    assert 'not use 3 (2 too short, 1 no landmarks)' in logged[0][1]
    summary = Summary.from_json(json.loads(path.read_text()))
    assert summary.left_out == {'too short': 2, 'no landmarks': 1}
    assert summary.coverage == 20 / 23


def make_track(name, label, fake_score, track):
    sample = make_sample(name, label, fake_score, snippet_scores=[fake_score])
    sample.set_metainfo({'track': track})
    return sample


TRACKS = (
    ('a', 0, 0.125, 0),
    ('a', 0, 0.25, 1),
    ('b', 1, 0.0, 0),
    ('b', 1, 0.75, 1),
    ('b', 1, 0.5, 2),
)


@pytest.mark.parametrize(
    ('rule', 'scores', 'snippets'),
    [
        ('max', [0.25, 0.75], [(0.25,), (0.75,)]),
        ('mean', [0.1875, 1.25 / 3], [(0.125, 0.25), (0.0, 0.75, 0.5)]),
    ],
)
def test_several_faces_make_one_score(tmp_path, logged, rule, scores, snippets):
    csv = str(tmp_path / 'p.csv')
    samples = [make_track(*values) for values in TRACKS]
    figures = evaluate_with(samples[::-1], tracks_rule=rule, predictions_csv=csv)
    read = read_predictions(csv)
    assert [p.fake_score for p in read] == pytest.approx(scores)
    assert [p.snippet_scores for p in read] == snippets
    assert figures['deepfake/num_videos'] == 2
    assert 'deepfake/num_scored' not in figures
    assert len(logged) == 2  # the table, the file: no warning of a wrong number
    assert f'the {rule} over the faces of a video (3 further' in logged[0][1]


def test_face_scored_twice_is_refused():
    samples = [make_track(*TRACKS[0]), make_track(*TRACKS[0])]
    message = "ffpp/real/real/c40/a was scored more than once .*add 'track' to"
    with pytest.raises(DataError, match=message):
        evaluate_with(samples)


def test_files_hold_all_figures_and_scores(tmp_path):
    csv, record = tmp_path / 'predictions.csv', tmp_path / 'metrics.json'
    samples = [
        make_sample('a', 0, 0.25, snippet_scores=[0.125, 0.5]),
        make_sample('a', 1, 0.75, snippet_scores=[0.75, 0.875]),
        make_sample('a', 1, 0.5, method='FaceSwap', snippet_scores=[0.5, 0.25]),
    ]
    figures = evaluate(samples, predictions_csv=str(csv), metrics_json=str(record))
    predictions = read_predictions(csv)
    assert [p.snippet_scores for p in predictions] == [
        (0.125, 0.5),
        (0.75, 0.875),
        (0.5, 0.25),
    ]
    content = json.loads(record.read_text())
    assert content['all']['auc'] == figures['deepfake/auc']
    assert summarise(predictions).overall.auc == figures['deepfake/auc']
    assert [row['name'] for row in content['methods']] == ['Deepfakes', 'FaceSwap']
    assert content['predictions']['file'] == 'predictions.csv'
    assert content['interval']['num_resamples'] == 2000
    assert content['score_rule'] == 'softmax of the mean logits over snippets'
    assert content['level'] == 'video'


def test_figures_without_a_prediction_file_say_so(tmp_path):
    evaluate(make_samples(4), metrics_json=str(tmp_path / 'm.json'))
    assert json.loads((tmp_path / 'm.json').read_text())['predictions'] is None


def test_half_precision_probabilities_are_taken():
    sample = make_sample('000', 1, 0.3)
    sample.pred_score = sample.pred_score.bfloat16()
    metric = METRICS.build(dict(type='DeepfakeMetric'))
    metric.process(None, [sample.to_dict()])
    assert metric.results[0].fake_score == pytest.approx(0.3, abs=2e-3)


def process_one(**changes):
    sample = make_sample('000', 1, 0.75).to_dict()
    for name, value in changes.items():
        if value is None:
            del sample[name]
        else:
            sample[name] = value
    METRICS.build(dict(type='DeepfakeMetric')).process(None, [sample])


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'video_key': None}, ConfigError, "add 'video_key' to the meta_keys of Pack"),
        ({'video_key': ('a', 1)}, ConfigError, r'expected \(dataset, label, method'),
        ({'pred_score': None}, ConfigError, "gave no 'pred_score' for video ffpp/fake"),
        (
            {'pred_score': torch.tensor([2.5, -1.0])},
            ConfigError,
            "be >= 0.*set average_clips='prob'",
        ),
        (
            {'pred_score': torch.tensor([0.4, 0.4])},
            ConfigError,
            "sum to 1.*set average_clips='prob'",
        ),
        (
            {'pred_score': torch.tensor([[0.5, 0.5]])},
            ConfigError,
            r'shape \(1, 2\) for video ffpp/fake/Deepfakes/c40/000, expected \(2,\)',
        ),
        ({'pred_score': torch.ones(3) / 3}, ConfigError, 'set num_classes=2'),
        (
            {'pred_score': torch.tensor([math.nan, math.nan])},
            DataError,
            'nan for video ffpp/fake/Deepfakes/c40/000; the model has diverged',
        ),
        ({'gt_label': torch.tensor([0])}, DataError, 'gt_label 0 of video ffpp/fake'),
    ],
)
def test_sample_that_cannot_be_scored_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        process_one(**changes)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ({'threshold': 1.5}, r'threshold 1\.5, allowed is 0\.\.1'),
        ({'no_face_score': -0.5}, r'no_face_score -0\.5, allowed is 0\.\.1'),
        ({'tracks_rule': 'min'}, "tracks_rule='min'; allowed are 'max', 'mean'"),
        ({'num_resamples': -1}, 'num_resamples -1, allowed is 0 or more'),
    ],
)
def test_impossible_setting_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        METRICS.build(dict(type='DeepfakeMetric', **config))


def make_stand_in(name, label, kind='broken'):
    sample = make_sample(name, label, 0.5)
    sample.pop('pred_score')
    sample.set_metainfo({'left_out': kind})
    return sample


def test_video_that_could_not_be_read_is_in_no_figure_and_counted(tmp_path):
    path, samples = tmp_path / 'm.json', make_samples()
    gone = [make_stand_in('100', 1), make_stand_in('101', 0, 'missing')]
    mixed = [gone[0], *samples[:7], gone[1], *samples[7:]]
    figures = evaluate(mixed, metrics_json=str(path))
    for name, figure in evaluate(samples).items():
        if name not in ('deepfake/num_left_out', 'deepfake/coverage'):
            assert figures[name] == figure
    assert figures['deepfake/num_left_out'] == 2
    assert figures['deepfake/coverage'] == 20 / 22
    record = json.loads(path.read_text())
    assert record['left_out'] == {'broken': 1, 'missing': 1}
    assert record['num_videos'] == 20


def test_left_out_at_the_start_and_while_reading_add_up():
    evaluator = Evaluator([dict(type='DeepfakeMetric')])
    key = VideoKey('ffpp', 1, 'Deepfakes', 'c40', '200')
    evaluator.dataset_meta = {'left_out_videos': ((key, 'too short'),)}
    evaluator.process([*make_samples(), make_stand_in('100', 1)])
    figures = evaluator.evaluate(21)
    assert figures['deepfake/num_left_out'] == 2
    assert figures['deepfake/coverage'] == 20 / 22


def test_video_of_two_faces_is_left_out_if_one_cannot_be_read():
    first, second = (make_sample('100', 1, score) for score in (0.1, 0.9))
    second.set_metainfo({'track': 1})
    both = evaluate([*make_samples(), first, second])
    assert both['deepfake/num_videos'] == 21
    torn = evaluate([*make_samples(), first, make_stand_in('100', 1)])
    assert torn['deepfake/num_videos'] == 20
    assert torn['deepfake/num_left_out'] == 1


def test_nothing_is_computed_where_nothing_could_be_read():
    message = 'none of 2 videos could be read, e.g. ffpp/fake/Deepfakes/c40/a'
    with pytest.raises(DataError, match=message):
        evaluate([make_stand_in('a', 1), make_stand_in('b', 0)])


def test_scores_rounded_to_one_keep_the_order_of_the_logits():
    logits = [19.0, 25.0]
    sample, found = make_sample('000', 1, 0.5), []
    for logit in logits:
        sample.pred_score = torch.tensor([0.0, logit]).softmax(dim=0)
        found.append(read_sample(sample.to_dict()))
    assert [one.fake_score for one in found] == [1.0, 1.0]
    assert [one.fake_logit for one in found] == pytest.approx(logits, rel=1e-6)
    sample.pred_score = torch.tensor([0.0, 1.0])
    assert read_sample(sample.to_dict()).fake_logit == float('inf')
