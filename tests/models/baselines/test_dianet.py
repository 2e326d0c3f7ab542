import numpy as np
import pytest
import torch
from landmark_builders import draw_landmarks
from oracles.dianet_in_loops import correlate as correlate_in_loops
from oracles.dianet_in_loops import crop as crop_in_loops
from recognizer_checks import (
    build_from_config,
    check_bfloat16,
    check_overfits,
    check_round_trip,
    make_samples,
)

from mmdeepfake.datasets.transforms.face_regions import box_parts, mark_parts
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.dianet import (
    DIANet,
    GlobalCorrelation,
    compare,
    correlate,
    crop_boxes,
    find_boxes,
)
from mmdeepfake.structures.face_landmarks import MIRRORED

MINIFF = 'miniff/dianet_like_r18_miniff_faces.py'
SIDE = 64


def draw_marks(num_frames, seed=0):
    """Marks of made-up faces, (F, H, W), and their boxes, (F, 4, 4) in pixels."""
    size = dict(height=SIDE, width=SIDE)
    points = draw_landmarks(num_frames, side=SIDE, seed=seed, moving=2)
    boxes = [box_parts(frame, growth=1.4, **size) for frame in points]
    marks = np.stack([mark_parts(one, **size) for one in boxes])
    return torch.from_numpy(marks).float(), torch.from_numpy(np.stack(boxes))


def draw_clips(num_videos, num_pairs=1):
    """Normalised frames of noise with the marks of made-up faces, (B, F, 4, H, W)."""
    num_frames = num_videos * num_pairs * 2
    frames = torch.randn(num_frames, 3, SIDE, SIDE)
    marks, _ = draw_marks(num_frames)
    return torch.cat((frames, marks[:, None]), dim=1).unflatten(0, (num_videos, -1))


def test_correlation_matches_the_loops():
    first, second = torch.randn(2, 2, 3, 2, 4, dtype=torch.float64)
    expected = [
        correlate_in_loops(a, b)
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    torch.testing.assert_close(
        correlate(first, second), torch.tensor(expected, dtype=torch.float64)
    )


def test_identical_frames_differ_in_no_part():
    frame = torch.randn(1, 4, 2, 7, 7)
    first, second, difference = compare(frame, frame.clone()).split(2, dim=2)
    assert torch.equal(first, frame) and torch.equal(second, frame)
    assert not difference.any()
    changed = frame.clone()
    changed[:, 1] -= 3
    difference = compare(frame, changed)[:, :, 4:]
    torch.testing.assert_close(difference[:, 1], torch.full((1, 2, 7, 7), 3.0))
    assert not difference[:, [0, 2, 3]].any()


def test_boxes_are_read_back_from_their_marks():
    marks, boxes = draw_marks(3)
    torch.testing.assert_close(find_boxes(marks) * SIDE, boxes.float())


def test_boxes_match_the_loops():
    maps = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    boxes = torch.tensor(
        [
            [[0.1, 0.2, 0.6, 0.9], [0, 0, 1, 1]],
            [[0.5, 0.5, 0.51, 0.52], [0.7, 0, 1, 0.3]],
        ],
        dtype=torch.float64,
    )
    crops = crop_boxes(maps, boxes, side=3)
    cells = boxes * torch.tensor([6, 5, 6, 5])
    for frame in range(2):
        for box in range(2):
            expected = [
                crop_in_loops(rows, cells[frame, box].tolist(), 3)
                for rows in maps[frame].tolist()
            ]
            torch.testing.assert_close(
                crops[frame, box], torch.tensor(expected, dtype=torch.float64)
            )


def test_flipped_frames_and_boxes_give_flipped_parts():
    size = dict(height=SIDE, width=SIDE)
    points = np.rint(draw_landmarks(1, side=SIDE)[0])
    mirrored = points[MIRRORED]
    mirrored[:, 0] = SIDE - 1 - mirrored[:, 0]
    maps = torch.randn(1, 3, 8, 8)
    plain, flipped = (
        crop_boxes(
            one,
            find_boxes(
                torch.from_numpy(mark_parts(box_parts(at, growth=1, **size), **size))[
                    None
                ].float()
            ),
        )
        for one, at in ((maps, points), (maps.flip(-1), mirrored))
    )
    # The person's right eye is the left one in the mirror.
    torch.testing.assert_close(flipped.flip(-1)[:, [1, 0, 2, 3]], plain)


def test_a_correlation_of_another_size_is_pooled_to_its_own():
    branch = GlobalCorrelation(6, channels=5, side=4)
    for side in (4, 8, 2):
        first, second = torch.randn(2, 3, 6, side, side)
        assert branch.correlation(first, second).shape == (3, 16, 16)
        assert branch(first, second).shape == (3, 5)


def test_the_first_frame_sees_the_second_and_no_other_pair():
    model = DIANet(18, correlation_side=4, channels=8)
    model.init_weights()
    model.train(False)
    frames = draw_clips(2)[:, :2].flatten(0, 1)
    changed = frames.clone()
    changed[1, :3] += 1
    with torch.no_grad():
        before, after = model(frames), model(changed)
    own = slice(0, 512)
    assert torch.equal(before[0, own], after[0, own])
    assert not torch.allclose(before[0, 512:], after[0, 512:])
    assert torch.equal(before[2:], after[2:])
    assert torch.equal(after[0, 512:], after[1, 512:])  # what a pair shares


def test_moving_a_part_changes_the_local_features_alone():
    model = DIANet(18, correlation_side=4, channels=8)
    model.init_weights()
    model.train(False)
    frames = draw_clips(1)[0]
    moved = frames.clone()
    moved[:, 3] = draw_marks(2, seed=9)[0]
    with torch.no_grad():
        before, after = model(frames), model(moved)
    assert torch.equal(before[:, : 512 + 8], after[:, : 512 + 8])
    assert not torch.allclose(before[:, 512 + 8 :], after[:, 512 + 8 :])


@pytest.mark.parametrize('shape', [(4, 3, 32, 32), (3, 4, 32, 32)])
def test_other_frames_are_refused(shape):
    with pytest.raises(ConfigError, match=rf'got {shape[0]} frames of {shape[1]} chan'):
        DIANet(18, correlation_side=4, channels=8)(torch.zeros(shape))


def test_pairs_are_scored_as_snippets():
    model = build_from_config(MINIFF)
    model.train(False)
    clips = draw_clips(2, num_pairs=3)
    with torch.no_grad():
        samples = model.predict(clips, make_samples([0, 1]))
        alone = model.predict(clips[:, 2:4], make_samples([0, 1]))
    for sample, one in zip(samples, alone, strict=True):
        assert sample.snippet_scores.shape == (3,)
        torch.testing.assert_close(sample.snippet_scores[1], one.pred_score[1])


@pytest.mark.slow
def test_it_learns_four_videos_of_noise_by_heart(tmp_path):
    model = build_from_config(MINIFF)
    clips, labels = draw_clips(4), [0, 1, 0, 1]
    check_overfits(model, clips, labels)
    check_round_trip(model, clips, tmp_path)
    check_bfloat16(model, clips, labels)
