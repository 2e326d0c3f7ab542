"""Snippets cover a face, in groups that are spread as those of a test are."""

import numpy as np
import pytest

from mmdeepfake.datasets.transforms import SampleSnippets
from mmdeepfake.inference.config_pipeline import Sampling
from mmdeepfake.inference.snippet_plan import TEST_WINDOW, plan_snippets


def make_plan(num_frames, *, s=3, t=2, stride=1, step=None, window=1000):
    sampling = Sampling(s, t, stride)
    sampler = SampleSnippets(s, t, stride, 'centred', 'repeat_last')
    test = sampler.transform({'total_frames': num_frames})['frame_inds']
    plan = plan_snippets(
        num_frames,
        sampling,
        test,
        step_frames=step or sampling.span,
        window_frames=window,
    )
    return plan, test


def spans_of(group, t):
    """First and last frame of each snippet of a group, by plain loops."""
    frames = group.frame_indices.tolist()
    return [(frames[i], frames[i + t - 1]) for i in range(0, len(frames), t)]


@pytest.mark.parametrize('num_frames', [3, 5, 6, 7, 12, 13, 40, 101])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('window', [6, 20, 1000])
def test_no_frame_is_left_out(num_frames, stride, window):
    plan, _ = make_plan(num_frames, stride=stride, window=window)
    seen = set()
    for group in plan.groups:
        if group.window != TEST_WINDOW:
            for first, last in spans_of(group, 2):
                seen |= set(range(first, last + 1))
    assert seen == set(range(num_frames))


@pytest.mark.parametrize('num_frames', [40, 101])
def test_no_snippet_leaves_its_window(num_frames):
    plan, _ = make_plan(num_frames, window=12)
    assert len(plan.borders) > 1
    for group in plan.groups:
        if group.window != TEST_WINDOW:
            low, high = plan.borders[group.window : group.window + 2]
            assert low <= group.frame_indices.min() <= group.frame_indices.max() < high


def test_groups_interleave_so_that_each_spans_the_window():
    plan, _ = make_plan(12, s=3, t=2)
    in_window = [g for g in plan.groups if g.window == 0]
    assert [spans_of(group, 2) for group in in_window] == [
        [(0, 1), (4, 5), (8, 9)],
        [(2, 3), (6, 7), (10, 11)],
    ]


def test_what_the_config_tests_is_scored_as_well():
    plan, test = make_plan(40, window=12)
    (group,) = [g for g in plan.groups if g.is_test]
    assert group.window == TEST_WINDOW
    np.testing.assert_array_equal(group.frame_indices, test)


@pytest.mark.parametrize('num_frames', [2, 5, 6])
def test_a_face_of_one_group_is_scored_once(num_frames):
    plan, test = make_plan(num_frames)
    (group,) = plan.groups
    assert group.is_test
    assert group.window == 0
    np.testing.assert_array_equal(group.frame_indices, test)


def test_a_face_shorter_than_a_snippet_is_what_the_sampler_makes_of_it():
    plan, _ = make_plan(1)
    (group,) = plan.groups
    assert group.frame_indices.tolist() == [0] * 6
    assert group.is_test


def test_longer_steps_take_fewer_snippets():
    sparse, _ = make_plan(120, step=10)
    starts = [
        first
        for group in sparse.groups
        if group.window != TEST_WINDOW
        for first, _ in spans_of(group, 2)
    ]
    gaps = np.diff(sorted(starts))
    assert len(starts) == 12
    assert gaps.min() == gaps.max() == 10


def test_windows_are_of_equal_length():
    plan, _ = make_plan(100, window=30)
    assert np.diff(plan.borders).tolist() == [33, 33, 34]
