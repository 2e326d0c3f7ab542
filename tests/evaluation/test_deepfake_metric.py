import json
import logging
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.registry import init_default_scope

import mmdeepfake.evaluation  # noqa: F401  (registers the metric)
from mmdeepfake.evaluation import read_predictions, summarise
from mmdeepfake.evaluation.ranking import area_under_roc
from mmdeepfake.registry import METRICS
from mmdeepfake.structures import ConfigError, DataError, VideoKey


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmaction')


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


def test_another_prefix_is_kept():
    assert 'val_faces/auc' in evaluate(make_samples(), prefix='val_faces')


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
            "no probabilities.*set average_clips='prob'",
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
        ({'num_resamples': -1}, 'num_resamples -1, allowed is 0 or more'),
    ],
)
def test_impossible_setting_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        METRICS.build(dict(type='DeepfakeMetric', **config))
