import json
import math

import numpy as np
import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.evaluation.operating_point import OperatingPoint, choose_operating_point
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.structures import VideoKey


def make_predictions(num_videos=400, sharpness=3.0):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, num_videos)
    labels = rng.random(num_videos) < 1 / (1 + np.exp(-logits))
    scores = 1 / (1 + np.exp(-logits * sharpness))
    return [
        VideoPrediction(
            VideoKey('set', int(label), 'FaceSwap' if label else 'real', 'c40', f'{i}'),
            float(score),
            (float(score), 0.5),
        )
        for i, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]


def choose(predictions, **arguments):
    return choose_operating_point(
        predictions,
        **{'max_false_positive_rate': 0.05, 'with_temperature': False}
        | {'chosen_on': 'set, val', 'predictions_sha256': 'abc'}
        | arguments,
    )


def test_rate_is_kept_and_what_it_was_chosen_on_is_told():
    predictions = make_predictions()
    point = choose(predictions)
    reals = [p.fake_score for p in predictions if p.key.label == 0]
    assert 0.03 < point.false_positive_rate <= 0.05
    assert np.mean(np.array(reals) >= point.threshold) == point.false_positive_rate
    assert point.num_real == len(reals)
    assert (point.temperature, point.chosen_on) == (1, 'set, val')


@pytest.mark.parametrize(
    ('num_called', 'num_real'), [(0, 8), (1, 8), (8, 8), (3, 200), (0, 3000)]
)
def test_what_few_reals_cannot_promise_is_told(num_called, num_real):
    point = OperatingPoint(
        *(0.5, 1.0, 0.05, num_called / num_real, 1.0, num_real, 8, 'set', 'abc')
    )
    bound = point.false_positive_rate_bound
    if num_called == num_real:
        assert bound == 1
        return
    # At the bound, as few false alarms as were seen come in one of twenty draws.
    chance = sum(
        math.comb(num_real, n) * bound**n * (1 - bound) ** (num_real - n)
        for n in range(num_called + 1)
    )
    assert chance == pytest.approx(0.05)


def test_temperature_changes_the_scores_and_not_the_verdicts():
    predictions = make_predictions()
    plain, warm = choose(predictions), choose(predictions, with_temperature=True)
    assert warm.temperature == pytest.approx(3, rel=0.25)
    assert warm.false_positive_rate == plain.false_positive_rate
    for prediction in predictions:
        applied = warm.apply(prediction)
        assert (applied.fake_score >= warm.threshold) == (
            prediction.fake_score >= plain.threshold
        )
        assert applied.snippet_scores == pytest.approx((applied.fake_score, 0.5))
    assert plain.apply(predictions[0]) is predictions[0]


@pytest.mark.parametrize('with_temperature', [False, True])
def test_lower_threshold_misses_few_fakes_and_is_not_above_the_upper(with_temperature):
    for max_rate in (0.05, 0.9):
        predictions = make_predictions()
        point = choose(
            predictions,
            max_false_positive_rate=max_rate,
            with_temperature=with_temperature,
        )
        fakes = [point.apply(p).fake_score for p in predictions if p.key.label]
        missed = sum(score < point.lower_threshold for score in fakes) / len(fakes)
        assert missed <= 0.05
        if max_rate == 0.05:
            assert 0.04 < missed  # no lower than needed
            assert point.lower_threshold < point.threshold
        else:
            assert point.lower_threshold == point.threshold == point.uncertain_from


def test_file_of_an_earlier_version_has_one_threshold_and_any_checkpoint(tmp_path):
    path = tmp_path / 'point.json'
    choose(make_predictions()).write(path)
    old = json.loads(path.read_text())
    del old['lower_threshold'], old['checkpoint_sha256']
    path.write_text(json.dumps(old))
    point = OperatingPoint.read(path, checkpoint_sha256='ab')
    assert point.uncertain_from == point.threshold


def test_point_of_another_checkpoint_is_refused(tmp_path):
    path = tmp_path / 'point.json'
    choose(make_predictions(), checkpoint_sha256='ab').write(path)
    assert OperatingPoint.read(path, checkpoint_sha256='ab').checkpoint_sha256 == 'ab'
    with pytest.raises(DataError, match=r'another checkpoint.*ab\.\.\..*cd\.\.\.'):
        OperatingPoint.read(path, checkpoint_sha256='cd')


def test_what_is_written_is_read(tmp_path):
    point = choose(make_predictions())
    point.write(tmp_path / 'point.json')
    assert OperatingPoint.read(tmp_path / 'point.json') == point


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'threshold': float('nan')}, 'NaN is not a finite number'),
        ({'threshold': -1}, 'threshold -1: need'),
        ({'lower_threshold': 2.0}, 'lower_threshold 2.0: allowed is 0 to'),
        ({'num_real': 'many'}, "field 'num_real' is 'many'"),
        ({'temperature': 0}, 'temperature 0: need'),
        ({'unknown': 1}, "unknown field 'unknown'"),
        ({'threshold': ...}, 'without threshold'),
    ],
)
def test_broken_file_is_named(tmp_path, change, message):
    path = tmp_path / 'point.json'
    choose(make_predictions()).write(path)
    fields = json.loads(path.read_text()) | change
    kept = {name: value for name, value in fields.items() if value is not ...}
    path.write_text(json.dumps(kept))
    with pytest.raises(DataError, match=rf'point\.json .*{message}'):
        OperatingPoint.read(path)


def test_missing_file_names_its_command(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'point\.json.*tools/calibrate\.py'):
        OperatingPoint.read(tmp_path / 'point.json')


def test_one_class_is_not_enough():
    reals = [p for p in make_predictions() if p.key.label == 0]
    with pytest.raises(DataError, match='0 fake videos: a threshold needs both'):
        choose(reals)
