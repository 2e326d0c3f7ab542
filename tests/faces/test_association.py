import numpy as np
import pytest
from oracles.faces_in_loops import best_pairs, overlap
from scipy.optimize import linear_sum_assignment

from mmdeepfake.faces.association import Chain, _assign, link_detections
from mmdeepfake.faces.detection import Faces

SETTINGS = dict(start_score=0.5, min_iou=0.3, max_gap_frames=30)


def faces_at(*centres, side=40.0, scores=None):
    """Faces around (x, y) centres."""
    centres = np.array(centres, np.float32).reshape(-1, 2)
    boxes = np.concatenate((centres - side / 2, centres + side / 2), 1)
    scores = np.full(len(boxes), 0.9) if scores is None else np.array(scores)
    return Faces(boxes, scores.astype(np.float32))


def still(frames, centre=(80, 80), **options):
    return [(frame, faces_at(centre, **options)) for frame in frames]


def link(detections, cuts=(), **changed):
    return link_detections(detections, list(cuts), **SETTINGS | changed)


def paths(chains):
    """Return frame and x of the centre of every detection, chain by chain."""
    return [
        [(f, float(b[0] + b[2]) / 2) for f, b in zip(c.frames, c.boxes, strict=True)]
        for c in chains
    ]


def test_order_of_the_faces_in_a_frame_does_not_matter():
    rng = np.random.default_rng(0)
    detections = []
    for frame in range(0, 100, 5):
        people = np.array([(50 + 120 * person + frame, 90) for person in range(4)])
        detections.append((frame, faces_at(*rng.permutation(people))))
    chains = link(detections)
    assert len(chains) == 4
    for path in paths(chains):
        assert len({x - frame for frame, x in path}) == 1


def test_crossing_people_keep_their_chains():
    # At frame 50 one hides the other for a while.
    detections = []
    for frame in range(0, 100, 5):
        left, right = (100 + 2 * frame, 80), (300 - 2 * frame, 88)
        hidden = abs(left[0] - right[0]) < 30
        detections.append((frame, faces_at(left, *([] if hidden else [right]))))
    chains = link(detections)
    assert len(chains) == 2
    speeds = [(path[-1][1] - path[0][1]) / path[-1][0] for path in paths(chains)]
    assert sorted(np.round(speeds, 1).tolist()) == [-2.0, 2.0]


def test_fast_head_is_followed_although_its_boxes_do_not_overlap():
    xs = [100, 100, 100, 138, 176, 214, 214, 214]
    detections = [(5 * index, faces_at((x, 80))) for index, x in enumerate(xs)]
    assert len(link(detections)) == 1


@pytest.mark.parametrize('other', [{'centre': (200, 80)}, {'side': 120}])
def test_face_of_another_place_or_size_is_another_person(other):
    detections = still(range(0, 20, 5)) + still(range(20, 40, 5), **other)
    assert [chain.frames[0] for chain in link(detections)] == [0, 20]


@pytest.mark.parametrize(('cuts', 'start'), [([20], 20), ([11, 13], 15)])
def test_chain_ends_at_a_cut(cuts, start):
    chains = link(still(range(0, 40, 5)), cuts=cuts)
    assert [chain.frames for chain in chains] == [
        [*range(0, start, 5)],
        [*range(start, 40, 5)],
    ]


def test_several_people_at_a_cut_stay_separate():
    people = faces_at((80, 80), (200, 80), (300, 80))
    detections = [(frame, people) for frame in range(0, 40, 5)]
    chains = link(detections, cuts=[20])
    assert [chain.frames[0] for chain in chains] == [0, 0, 0, 20, 20, 20]


@pytest.mark.parametrize(('gap', 'num_chains'), [(30, 1), (35, 2)])
def test_gap_is_bridged_up_to_the_limit(gap, num_chains):
    assert len(link(still([0, gap]))) == num_chains


def test_weak_detection_continues_a_chain_but_starts_none():
    detections = still([0], scores=[0.35]) + still([5])
    detections += [(10, faces_at((80, 80), (200, 80), scores=[0.35] * 2))]
    (chain,) = link(detections)
    assert chain.frames == [5, 10]


def test_strong_detection_is_preferred_to_a_weak_one_that_fits_better():
    detections = still([0])
    detections += [(5, faces_at((80, 80), (88, 80), scores=[0.4, 0.9]))]
    (chain,) = link(detections)
    assert chain.scores[1] == pytest.approx(0.9)


def test_frames_without_faces_give_no_chain():
    assert link([(0, faces_at()), (5, faces_at())]) == []


def test_faces_are_paired_as_the_best_of_all_pairings():
    rng = np.random.default_rng(4)
    for _ in range(20):
        before, after = rng.integers(20, 90, (2, 3, 2))
        first, second = faces_at(*before), faces_at(*after)
        affinity = [[overlap(a, b) for b in second.boxes] for a in first.boxes]
        affinity = [[v if v > 0.1 else 0.0 for v in row] for row in affinity]
        chains = link([(0, first), (5, second)], min_iou=0.1)
        joined = {
            (first.boxes.tolist().index(c.boxes[0].tolist()),
             second.boxes.tolist().index(c.boxes[1].tolist()))
            for c in chains
            if len(c.frames) == 2
        }  # fmt: skip
        expected = best_pairs(affinity)
        # The rest may be joined by nearness.
        gained = sum(affinity[r][c] for r, c in joined)
        assert gained == pytest.approx(sum(affinity[r][c] for r, c in expected))


@pytest.mark.parametrize('shape', [(0, 0), (0, 3), (1, 1), (1, 5), (5, 1)])
def test_one_face_is_assigned_as_by_scipy(shape):
    affinity = np.random.default_rng(0).random(shape)
    expected = linear_sum_assignment(affinity, maximize=True)
    np.testing.assert_array_equal(_assign(affinity), expected)


def test_prediction_continues_at_the_same_speed():
    chain = Chain()
    for frame, x in ((0, 50), (5, 60), (10, 70)):
        chain.append(frame, faces_at((x, 80)), 0)
    np.testing.assert_allclose(chain.predict_box(15), [60, 60, 100, 100])
    alone = Chain()
    alone.append(3, faces_at((50, 80)), 0)
    np.testing.assert_allclose(alone.predict_box(9), [30, 60, 70, 100])


def test_noisy_walkers_with_misses_are_never_mixed_up():
    # Three people of 40 px pass each other at heights 30 px apart, in 20 films.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        starts, speeds = rng.uniform(50, 350, 3), rng.uniform(-2, 2, 3)
        heights = 60 + 30 * rng.permutation(3)
        detections = []
        for frame in range(0, 150, 5):
            xs = starts + speeds * frame
            centres = np.stack((xs, heights), 1) + rng.normal(0, 1.5, (3, 2))
            kept = np.flatnonzero(rng.uniform(size=3) > 0.1)
            # The score identifies the person.
            scores = 0.6 + 0.1 * kept
            detections.append((frame, faces_at(*centres[kept], scores=scores)))
        chains = link(detections)
        assert len(chains) == 3, seed
        assert all(len(set(chain.scores)) == 1 for chain in chains), seed
