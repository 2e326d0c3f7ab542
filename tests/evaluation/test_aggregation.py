import numpy as np
import pytest

from mmdeepfake.evaluation.aggregation import (
    Stratum,
    group_by_identity,
    group_by_method,
    percentile_interval,
    resample_groups,
    resample_within_strata,
)

REAL = Stratum('ffpp', 'c40', 0, 'real')
FAKE_A = Stratum('ffpp', 'c40', 1, 'Deepfakes')
FAKE_B = Stratum('ffpp', 'c40', 1, 'FaceSwap')


def resample(strata, *, num_resamples=50, seed=0):
    chunks = resample_within_strata(strata, num_resamples=num_resamples, seed=seed)
    return np.concatenate(list(chunks))


def test_each_method_meets_all_reals_and_no_other_method():
    rows = group_by_method([REAL, FAKE_B, FAKE_A, REAL, FAKE_A])
    assert [(row.name, row.members.tolist()) for row in rows] == [
        ('Deepfakes', [0, 2, 3, 4]),
        ('FaceSwap', [0, 1, 3]),
    ]


def test_method_meets_only_reals_of_its_own_compression():
    strata = [REAL, FAKE_A, REAL._replace(compression='c23')]
    (row,) = group_by_method(strata)
    assert row.name == 'ffpp/c40/Deepfakes'
    assert row.members.tolist() == [0, 1]


def test_data_without_compression_level_has_it_not_in_the_name():
    strata = [REAL, FAKE_A, Stratum('celeb_df', '', 1, 'Celeb-synthesis')]
    assert [row.name for row in group_by_method(strata)] == [
        'celeb_df/Celeb-synthesis',
        'ffpp/c40/Deepfakes',
    ]


def test_resample_keeps_the_number_of_videos_of_every_stratum():
    strata = [REAL] * 7 + [FAKE_A] * 3 + [FAKE_B]
    counts = resample(strata)
    assert counts.shape == (50, 11)
    np.testing.assert_array_equal(counts[:, :7].sum(axis=1), 7)
    np.testing.assert_array_equal(counts[:, 7:10].sum(axis=1), 3)
    np.testing.assert_array_equal(counts[:, 10], 1)


def test_counts_vary_as_draws_with_replacement_do():
    n, num_resamples = 20, 4000
    counts = resample([REAL] * n, num_resamples=num_resamples)
    # Multinomial: mean 1, variance 1 - 1/n for every video.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.07)
    np.testing.assert_allclose(counts.var(axis=0), 1 - 1 / n, atol=0.15)


def test_same_seed_gives_same_resamples_and_another_seed_others():
    strata = [REAL] * 5 + [FAKE_A] * 5
    np.testing.assert_array_equal(resample(strata), resample(strata))
    assert (resample(strata) != resample(strata, seed=1)).any()


def test_another_method_in_the_file_changes_no_draw():
    strata = [REAL] * 5 + [FAKE_A] * 5
    with_more = resample([*strata, FAKE_B, FAKE_B])
    np.testing.assert_array_equal(resample(strata), with_more[:, :10])


def test_chunks_join_to_the_same_resamples(monkeypatch):
    strata = [REAL] * 5 + [FAKE_A] * 5
    whole = resample(strata)
    monkeypatch.setattr('mmdeepfake.evaluation.aggregation._COUNTS_PER_CHUNK', 30)
    chunks = list(resample_within_strata(strata, num_resamples=50, seed=0))
    assert [len(chunk) for chunk in chunks] == [3] * 16 + [2]
    np.testing.assert_array_equal(np.concatenate(chunks), whole)


def test_interval_cuts_equal_tails():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25, 975))
    half = percentile_interval(np.arange(1001.0), confidence=0.5)
    assert half == pytest.approx((250, 750))


@pytest.mark.parametrize('values', [[], [0.5, float('nan')]])
def test_interval_of_nothing_is_nan(values):
    assert np.isnan(percentile_interval(np.array(values))).all()


def test_videos_that_share_a_person_through_others_are_one_group():
    groups = group_by_identity([('a',), ('c', 'd'), ('b', 'a'), ('d',), ('e',), ('b',)])
    assert groups.tolist() == [0, 1, 0, 1, 2, 0]


def test_groups_need_a_person_for_every_video():
    assert group_by_identity([('a',), ()]) is None


def test_resamples_of_groups_hold_groups_whole():
    groups = np.array([0, 1, 0, 2, 1, 0])
    counts = np.concatenate(list(resample_groups(groups, num_resamples=40, seed=0)))
    assert counts.shape == (40, 6)
    for group in range(3):
        members = counts[:, groups == group]
        np.testing.assert_array_equal(
            members, members[:, :1].repeat(len(members[0]), 1)
        )
    np.testing.assert_array_equal(counts[:, [0, 1, 3]].sum(axis=1), 3)
    assert len(np.unique(counts, axis=0)) > 5
