import math

import pytest

from mmdeepfake.evaluation.model_ranking import (
    Ranking,
    correct_p_values,
    critical_difference,
    rank_models,
)

NAN = float('nan')

# Demsar (2006), Table 5 (a): q at 0.05 for 2 to 10 classifiers.
PUBLISHED_Q = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)


@pytest.mark.parametrize(
    ('p_values', 'expected'),
    [
        # By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, then 0.04 raised to the one before.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.5], [1, 1]),
        ([0.02, NAN, 0.02], [0.04, NAN, 0.04]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_p_values_are_corrected_step_by_step(p_values, expected):
    assert list(correct_p_values(p_values)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(('num_models', 'q'), enumerate(PUBLISHED_Q, start=2))
def test_critical_difference_is_that_of_the_published_table(num_models, q):
    expected = q * math.sqrt(num_models * (num_models + 1) / (6 * 14))
    # The table was computed from one of the studentized range with three decimals.
    bound = 0.001 * expected / q
    assert critical_difference(num_models, 14) == pytest.approx(expected, abs=bound)


def test_critical_difference_is_that_of_the_papers_example():
    """Demsar (2006), Sec. 3.2.4: four classifiers on 14 data sets, 1.25."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_ranks_and_p_value_are_those_counted_by_hand():
    ranking = rank_models([(0.9, 0.8, 0.9, 0.7), (0.8, 0.7, 0.95, 0.6), (0.5,) * 4])
    ranks = (5 / 4, 7 / 4, 3)  # 1 1 2 1, 2 2 1 2, 3 3 3 3
    assert ranking.ranks == ranks
    # Friedman: 12 N / (K (K + 1)) (sum of squared ranks - K (K + 1)^2 / 4); the
    # chi-square of two degrees of freedom exceeds x with probability exp(-x / 2).
    statistic = 12 * 4 / (3 * 4) * (sum(rank**2 for rank in ranks) - 3 * 4**2 / 4)
    assert ranking.p_friedman == pytest.approx(math.exp(-statistic / 2))
    assert ranking.num_blocks == 4


def test_models_with_the_same_auc_share_their_rank():
    ranking = rank_models([(0.9, 0.8), (0.9, 0.7), (0.1, 0.7)])
    assert ranking.ranks == ((1.5 + 1) / 2, (1.5 + 2.5) / 2, (3 + 2.5) / 2)


@pytest.mark.parametrize(
    ('ranks', 'expected'),
    [
        ((1, 2, 3, 4), [[0, 1], [1, 2], [2, 3]]),
        ((1, 1.5, 4, 3.5), [[0, 1], [3, 2]]),
        ((1, 1.5, 2.2, 4), [[0, 1, 2]]),
        ((1, 3, 5), []),
    ],
)
def test_groups_hold_what_is_closer_than_the_critical_difference(ranks, expected):
    assert Ranking(ranks, 9, 0.01, 1.3).groups() == expected


def test_equal_models_do_not_differ():
    ranking = rank_models([[0.5, 0.5]] * 3)
    assert (ranking.ranks, ranking.p_friedman) == ((2, 2, 2), 1)
