import math
from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy.stats import norm

from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.resampled_figures import FIGURES
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.evaluation.table import format_markdown, format_text
from mmdeepfake.structures import VideoKey
from tests.oracles import ranking_in_loops

METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')


def predict(method, scores, *, dataset='ffpp', compression='c40'):
    label = int(method != 'real')
    return [
        VideoPrediction(
            VideoKey(dataset, label, method, compression, f'{index:03d}'), float(score)
        )
        for index, score in enumerate(scores)
    ]


def draw_scores(seed, size, mean):
    return 1 / (1 + np.exp(-np.random.default_rng(seed).normal(mean, 1, size)))


def test_every_row_agrees_with_counting_pairs():
    reals, a, b = draw_scores(0, 30, 0), draw_scores(1, 20, 1), draw_scores(2, 10, 0.3)
    summary = summarise(
        predict('real', reals) + predict('FaceSwap', b) + predict('Deepfakes', a)
    )

    def auc(fakes):
        labels = [0] * len(reals) + [1] * len(fakes)
        return ranking_in_loops.area_under_roc(labels, [*reals, *fakes])

    assert [row.name for row in summary.rows] == [
        'Deepfakes',
        'FaceSwap',
        'macro',
        'all',
    ]
    expected = [auc(a), auc(b), (auc(a) + auc(b)) / 2, auc([*a, *b])]
    assert [row.auc for row in summary.rows] == pytest.approx(expected)
    assert [(row.num_real, row.num_fake) for row in summary.rows] == [
        (30, 20),
        (30, 10),
        (30, 30),
        (30, 30),
    ]


def test_file_names_shared_between_manipulations_keep_their_own_scores():
    """A detector blind to one method must not look perfect.

    FaceForensics++ names the fakes of one pair alike in all four methods. Averaging the
    scores of all videos with one name hides the blind spot behind the three others.
    """
    names = 40
    predictions = predict('real', np.full(names, 0.1))
    for method in METHODS:
        blind = method == 'NeuralTextures'
        # Other names than the reals', as pairs have ('000_003' against '000').
        predictions += [
            VideoPrediction(p.key._replace(name=f'{p.key.name}_x'), p.fake_score)
            for p in predict(method, np.full(names, 0.05 if blind else 0.9))
        ]

    by_name = {}
    for p in predictions:
        by_name.setdefault(p.key.name, []).append(p)
    pooled_auc = ranking_in_loops.area_under_roc(
        [videos[0].key.label for videos in by_name.values()],
        [np.mean([p.fake_score for p in videos]) for videos in by_name.values()],
    )

    summary = summarise(predictions)
    assert pooled_auc == 1
    assert summary.overall.auc == 0.75
    assert [row.auc for row in summary.methods] == [1, 1, 1, 0]


def test_interval_is_about_as_wide_as_theory_says():
    n = 400
    reals, fakes = draw_scores(0, n, 0), draw_scores(1, n, 1)
    row = summarise(predict('real', reals) + predict('Deepfakes', fakes)).overall
    # DeLong's variance: how much each video's share of won pairs varies.
    won = (fakes[:, None] > reals[None]).astype(float)
    variance = won.mean(1).var(ddof=1) / n + won.mean(0).var(ddof=1) / n
    half_width = norm.ppf(0.975) * math.sqrt(variance)
    assert row.auc_high - row.auc == pytest.approx(half_width, rel=0.1)
    assert row.auc - row.auc_low == pytest.approx(half_width, rel=0.1)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    truth = norm.cdf(1 / math.sqrt(2))  # P(N(1, 1) > N(0, 1))
    num_covered = 0
    for trial in range(60):
        reals, fakes = draw_scores([trial, 0], 60, 0), draw_scores([trial, 1], 60, 1)
        row = summarise(
            predict('real', reals) + predict('Deepfakes', fakes), num_resamples=200
        ).overall
        num_covered += row.auc_low <= truth <= row.auc_high
    assert num_covered >= 52  # fewer has a chance of about 1% at 95% coverage


def test_macro_interval_is_narrower_than_that_of_one_method():
    predictions = predict('real', draw_scores(9, 60, 0))
    for seed, method in enumerate(METHODS):
        predictions += predict(method, draw_scores(seed, 40, 1))
    summary = summarise(predictions, num_resamples=500)
    macro = summary.macro
    assert macro.auc_low < macro.auc < macro.auc_high
    for row in summary.methods:
        assert macro.auc_high - macro.auc_low < row.auc_high - row.auc_low


def test_order_of_the_predictions_changes_nothing():
    predictions = predict('real', draw_scores(0, 20, 0)) + predict(
        'Deepfakes', draw_scores(1, 20, 1)
    )
    assert astuple(summarise(predictions[::-1])) == astuple(summarise(predictions))


def test_perfect_separation_gives_an_interval_of_no_width_and_says_so():
    summary = summarise(predict('real', [0.1, 0.2]) + predict('Deepfakes', [0.8, 0.9]))
    assert (summary.overall.auc_low, summary.overall.auc_high) == (1, 1)
    assert any('does not mean certainty' in note for note in summary.notes())


def test_one_video_in_a_class_gives_no_interval_and_says_so():
    summary = summarise(predict('real', [0.1]) + predict('Deepfakes', [0.8, 0.05]))
    assert summary.overall.auc == 0.5
    assert math.isnan(summary.overall.auc_low)
    assert any('No interval for Deepfakes (1 real, 2' in n for n in summary.notes())


@pytest.mark.parametrize('method', ['real', 'Deepfakes'])
def test_one_class_alone_gives_nan_but_an_accuracy(method):
    summary = summarise(predict(method, [0.2, 0.8]))
    assert summary.overall.acc == 0.5
    for name in ('auc', 'auc_low', 'auc_high', 'eer', 'ap'):
        assert math.isnan(summary.scalars()[name])
    assert math.isnan(summary.macro.auc)
    assert any('both classes are needed' in note for note in summary.notes())


def test_macro_is_nan_where_a_method_has_no_reals():
    summary = summarise(
        predict('real', [0.1, 0.2])
        + predict('Deepfakes', [0.8, 0.9])
        + predict('Deepfakes', [0.8, 0.9], compression='c23')
    )
    assert [row.name for row in summary.methods] == [
        'ffpp/c23/Deepfakes',
        'ffpp/c40/Deepfakes',
    ]
    assert math.isnan(summary.methods[0].auc)
    assert math.isnan(summary.macro.auc)
    assert summary.overall.auc == 1


def test_no_resamples_give_no_interval():
    predictions = predict('real', [0.1, 0.2]) + predict('Deepfakes', [0.8, 0.9])
    summary = summarise(predictions, num_resamples=0)
    assert summary.overall.auc == 1
    assert math.isnan(summary.overall.auc_low)


def test_no_video_at_all_is_refused():
    with pytest.raises(DataError, match='no video was scored'):
        summarise([])


def test_json_gives_back_the_same_summary():
    summary = summarise(
        predict('real', [0.1]) + predict('Deepfakes', [0.8, 0.05]), threshold=0.3
    )
    again = Summary.from_json(summary.to_json())
    assert repr(again) == repr(summary)  # by text, since nan is not equal to nan
    assert summary.to_json()['all']['intervals'] == {}


def test_tables_state_figures_interval_and_what_they_rest_on():
    summary = summarise(
        predict('real', draw_scores(0, 20, 0))
        + predict('Deepfakes', draw_scores(1, 20, 2))
    )
    row = summary.overall
    cell = f'{100 * row.auc:.1f} [{100 * row.auc_low:.1f}, {100 * row.auc_high:.1f}]'
    text, markdown = format_text(summary), format_markdown(summary)
    assert cell in text
    assert f'**{cell}**' in markdown
    assert text.isascii()
    for stated in (
        'Level: video. 40 videos (20 real, 20 fake)',
        'mean logits over snippets',
        '95% percentile bootstrap over videos, 2000 resamples',
    ):
        assert stated in text


def with_persons(predictions, persons_of):
    return [replace(p, identities=persons_of(i)) for i, p in enumerate(predictions)]


def test_persons_who_look_alike_make_intervals_over_persons_wider():
    """Ten videos a person, all with the same score: ten times less is known."""
    rng = np.random.default_rng(0)
    reals = np.repeat(rng.normal(0, 1, 30), 10)
    fakes = np.repeat(rng.normal(0.7, 1, 30), 10)
    squash = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    predictions = with_persons(
        predict('real', squash(reals)), lambda i: (f'{i // 10}',)
    ) + with_persons(predict('Deepfakes', squash(fakes)), lambda i: (f'{i // 10}',))
    summary = summarise(predictions, num_resamples=500)
    assert summary.num_groups == 30
    widths = [
        high - low
        for low, high in (
            summary.overall.intervals['auc'],
            summary.overall.identity_intervals['auc'],
        )
    ]
    assert widths[1] > 2 * widths[0]
    assert Summary.from_json(summary.to_json()) == summary


def test_few_groups_or_unknown_persons_give_no_interval_over_persons():
    scores = draw_scores(0, 20, 0)
    both = predict('real', scores) + predict('Deepfakes', scores)
    few = summarise(with_persons(both, lambda i: (f'{i % 9}',)))
    assert (few.num_groups, few.overall.identity_intervals) == (9, {})
    assert any('Below 10, there are no intervals' in note for note in few.notes())
    unknown = summarise(with_persons(both, lambda i: (f'{i}',) if i else ()))
    assert (unknown.num_groups, unknown.overall.identity_intervals) == (0, {})


def test_every_figure_has_an_interval_around_it():
    row = summarise(
        predict('real', draw_scores(0, 50, 0))
        + predict('FaceSwap', draw_scores(1, 50, 2))
    ).overall
    assert set(row.intervals) == set(FIGURES)
    for name, (low, high) in row.intervals.items():
        # ECE is biased upwards by resampling; the others lie inside.
        assert name == 'ece' or low <= getattr(row, name) <= high
