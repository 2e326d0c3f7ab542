"""What each kind of pseudo-fake does to the frames."""

import cv2
import numpy as np
import pytest
from pseudo_fake_builders import draw_clip

from mmdeepfake.datasets.pseudo_fakes.animated_portrait import animate
from mmdeepfake.datasets.pseudo_fakes.colour_and_sharpness import match_colours
from mmdeepfake.datasets.pseudo_fakes.donors import align_faces, measure_poses
from mmdeepfake.datasets.pseudo_fakes.face_geometry import AVERAGE_POINTS
from mmdeepfake.datasets.pseudo_fakes.jitter import similarity_about
from mmdeepfake.datasets.pseudo_fakes.lip_sync import MIN_GAP_FRAMES, choose_moments
from mmdeepfake.datasets.pseudo_fakes.pseudo_fake import Snippets
from mmdeepfake.datasets.pseudo_fakes.replaced_face import lay_over
from mmdeepfake.datasets.pseudo_fakes.resynthesis import (
    enlarge_twofold,
    find_sharpening,
    measure_noise,
    resynthesise,
)
from mmdeepfake.datasets.pseudo_fakes.self_blend import (
    EVIDENCE,
    SelfBlend,
    blend_with_itself,
)
from mmdeepfake.datasets.transforms import DegradeClip
from mmdeepfake.datasets.transforms.blending import blend
from mmdeepfake.errors import ConfigError


def make_snippets(seed=0, **options):
    frames, points = draw_clip(seed=seed, **options)
    return Snippets(frames, points, 4)


def test_blend_is_the_sum_written_out():
    rng = np.random.default_rng(0)
    below, above = rng.integers(0, 256, (2, 1, 3, 4, 3), dtype=np.uint8)
    mask = rng.random((1, 3, 4), np.float32)
    found = blend(below, above, mask)
    for y in range(3):
        for x in range(4):
            for c in range(3):
                share = float(mask[0, y, x])
                mixed = share * above[0, y, x, c] + (1 - share) * below[0, y, x, c]
                assert abs(found[0, y, x, c] - mixed) <= 0.51


def test_matched_colours_have_the_targets_mean_and_spread():
    rng = np.random.default_rng(0)
    target = rng.normal(120, 20, (2, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    source = rng.normal(90, 25, (2, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    found = match_colours(source, target, np.ones((2, 32, 32), np.float32))
    assert found.mean() == pytest.approx(target.mean(), abs=1)
    assert found.std() == pytest.approx(target.std(), rel=0.1)


def test_similarity_turns_about_its_centre():
    centre = np.array([[30.0, 20.0]])
    (found,) = similarity_about(
        centre,
        shifts_px=np.array([[2.0, 1.0]]),
        degrees=np.array([90.0]),
        scales=np.array([2.0]),
    )
    np.testing.assert_allclose(found @ (30, 20, 1), (32, 21))
    np.testing.assert_allclose(found @ (31, 20, 1), (32, 23), atol=1e-9)


@pytest.mark.parametrize('evidence', EVIDENCE)
def test_self_blend_changes_the_masked_part_alone(evidence):
    snippets = make_snippets()
    rng = np.random.default_rng(3)
    frames, masks = blend_with_itself(snippets, rng, region='mouth', evidence=evidence)
    assert frames.dtype == np.uint8 and frames.shape == snippets.frames.shape
    changed = (frames != snippets.frames).any(axis=-1)
    assert not changed[masks == 0].any()
    assert changed[masks > 0.4].mean() > 0.5


@pytest.mark.parametrize(('evidence', 'is_fixed'), [('spatial', 1), ('temporal', 0)])
def test_evidence_of_a_still_video_moves_or_does_not(evidence, is_fixed):
    frames, points = draw_clip(1)
    still = Snippets(frames.repeat(8, axis=0), points.repeat(8, axis=0), 4)
    rng = np.random.default_rng(0)
    forged, _ = blend_with_itself(still, rng, region='face', evidence=evidence)
    assert (forged[0] != frames[0]).any()
    assert (forged == forged[:1]).all() == is_fixed


def test_moments_are_elsewhere_in_the_video():
    _, points = draw_clip(30)
    rng = np.random.default_rng(0)
    starts = np.array([0, 13, 26])
    for _ in range(20):
        moments = choose_moments(starts, points, rng, clip_len=4)
        assert (np.abs(moments - starts) >= MIN_GAP_FRAMES).all()
        assert 0 <= moments.min() and moments.max() <= 26
    assert choose_moments(starts[:1], points[:9], rng, clip_len=4) is None


def test_pose_is_the_turn_of_the_head_without_its_roll():
    turned = AVERAGE_POINTS.copy()
    turned[2, 0] = 0.23
    angle = np.deg2rad(25)
    roll = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    poses = measure_poses(np.stack([turned, AVERAGE_POINTS, 30 * turned @ roll.T + 9]))
    np.testing.assert_allclose(poses[0], (0.2, 0.57 / 1.15), atol=1e-3)
    np.testing.assert_allclose(poses[1, 0], 0, atol=1e-6)
    np.testing.assert_allclose(poses[2], poses[0], atol=1e-3)


@pytest.mark.parametrize('scale', [1.5, 0.4])
def test_aligned_face_lies_on_the_points(scale):
    # A white spot at an eye has to land on the eye.
    points = AVERAGE_POINTS[None] * 20 + (48, 40)
    frame = np.zeros((96, 96, 3), np.uint8)
    x, y = points[0, 1].astype(int)
    frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    target = AVERAGE_POINTS[None] * 20 * scale + (50, 44)
    aligned = align_faces([frame], points, target, height=100, width=100)
    x, y = target[0, 1].round().astype(int)
    around = aligned[0, y - 6 : y + 7, x - 6 : x + 7, 0]  # beyond are reflections
    spot = np.average(np.argwhere(around > 100), axis=0)[::-1] - 6
    np.testing.assert_allclose(spot, target[0, 1] - (x, y), atol=0.6)


def test_portrait_at_its_own_points_is_the_photo():
    frames, points = draw_clip(1)
    still = dict(mouth_opening=np.zeros(1), blinks=np.zeros(1))
    made = animate(
        frames[0], points[0], points, head_reach=2, background_share=0.0, **still
    )
    assert np.abs(made[0].astype(int) - frames[0]).max() <= 1


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_portrait_follows_its_points_and_drags_the_background_or_not(share):
    frames, points = draw_clip(1)
    moved = points + np.float32((6, 0))
    still = dict(mouth_opening=np.zeros(1), blinks=np.zeros(1))
    (made,) = animate(
        frames[0], points[0], moved, head_reach=0.8, background_share=share, **still
    )
    dragged = np.abs(made[:, 6:].astype(int) - frames[0, :, :-6]).mean(axis=-1)
    x, y = points[0, 2].astype(int)
    assert dragged[y - 3 : y + 3, x - 3 : x + 3].mean() < 8
    assert (dragged[-8:, -8:].max() <= 1) == bool(share)
    if not share:
        assert np.abs(made[-6:, -6:].astype(int) - frames[0, -6:, -6:]).max() < 40


def test_enlargement_is_a_transposed_convolution():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 100, (5, 6, 3), dtype=np.uint8)
    kernel = rng.random((4, 4)) / 4
    found = enlarge_twofold(picture, kernel)
    spread = np.zeros((10, 12, 3))
    spread[::2, ::2] = picture
    for y in range(3, 7):  # away from the border
        for x in range(3, 8):
            expected = sum(
                kernel[i, j] * spread[y + i - 2, x + j - 2]
                for i in range(4)
                for j in range(4)
            )
            assert np.abs(found[y, x] - expected).max() <= 0.51


def test_sharpening_restores_the_variance_of_the_laplacian():
    original = draw_clip(1)[0][0]
    soft = cv2.GaussianBlur(original, (0, 0), 0.4)
    amount = find_sharpening(soft, original)
    grey = cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sharp = grey + amount * (grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    wanted = cv2.cvtColor(original, cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert 0 < amount < 2
    assert cv2.Laplacian(sharp, -1).var() == pytest.approx(
        cv2.Laplacian(wanted, -1).var(), rel=0.05
    )
    assert find_sharpening(original, soft) == 0


def test_noise_is_measured():
    rng = np.random.default_rng(0)
    grain = rng.normal(120, 5, (96, 96, 1)).round().astype(np.uint8)
    assert measure_noise(grain.repeat(3, axis=2)) == pytest.approx(5, rel=0.08)


def test_resynthesis_is_neither_sharper_nor_noisier_on_average():
    ratios = []
    for seed in range(12):
        frames = draw_clip(1, seed=seed)[0]
        made = resynthesise(frames, np.random.default_rng(seed))
        ratios.append(measure_noise(made[0]) / measure_noise(frames[0]))
    assert 0.75 < np.exp(np.log(ratios).mean()) < 1.25


NUM_PAIRS = 40


def measure(frames):
    """Return sharpness, noise, blockiness and colours of frames: (9,)."""
    values = frames.astype(np.float64)
    grey = values.mean(axis=-1)
    across = np.abs(np.diff(grey, axis=2))
    fine = grey[:, 1:-1, 1:-1] * 4 - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1]
    fine -= grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.array(
        [
            np.log(fine.var() + 1e-3),
            np.log(np.median(np.abs(fine)) + 0.1),
            np.log(across[..., 7::8].mean() / across.mean()),
            *values.mean(axis=(0, 1, 2)) / 255,
            *values.std(axis=(0, 1, 2)) / 255,
        ]
    )


def forge_from_elsewhere(region):
    def forge(snippets, rng):
        num_frames = len(snippets.frames)
        source = draw_clip(num_frames, seed=int(rng.integers(1000, 2000)))
        return lay_over(snippets, *source, rng, region=region)

    return forge


def resynthesise_the_face(snippets, rng):
    _, masks = blend_with_itself(snippets, rng, region='inner', evidence='spatial')
    return blend(snippets.frames, resynthesise(snippets.frames, rng), masks), masks


@pytest.mark.parametrize(
    'forge',
    [
        lambda snippets, rng: blend_with_itself(
            snippets, rng, region='inner', evidence='both'
        ),
        forge_from_elsewhere('mouth'),
        forge_from_elsewhere('inner'),
        resynthesise_the_face,
    ],
    ids=['self-blend', 'lip-sync', 'swap', 'resynthesis'],
)
def test_global_statistics_do_not_tell_a_partial_forgery(forge):
    degrade, pairs = DegradeClip(), []
    for seed in range(NUM_PAIRS):
        snippets = make_snippets(seed, num_frames=4)
        forged, _ = forge(snippets, np.random.default_rng(seed))
        pair = []
        for frames in (snippets.frames, forged):
            np.random.seed(seed)  # as `SeededBatches` does
            results = degrade.transform(dict(imgs=list(frames), clip_len=4))
            pair.append(measure(np.stack(results['imgs'])))
        pairs.append(pair)
    features = np.array(pairs)  # (pairs, 2, 9)
    features = (features - features.mean(axis=(0, 1))) / features.std(axis=(0, 1))
    scores = np.zeros((NUM_PAIRS, 2))
    for fold in range(3):
        tested = np.arange(NUM_PAIRS) % 3 == fold
        inputs = features[~tested].reshape(-1, 9)
        labels = np.tile([-1.0, 1.0], len(inputs) // 2)
        weights = np.linalg.solve(inputs.T @ inputs + np.eye(9), inputs.T @ labels)
        scores[tested] = features[tested] @ weights
    real, fake = scores.T
    area = (fake[:, None] > real).mean()
    # At chance, the standard deviation of the area of 40 and 40 is 0.065.
    assert abs(area - 0.5) < 0.15


@pytest.mark.parametrize(
    'option', [dict(strengths=(2, 1)), dict(colour_strengths=(0, 1))]
)
def test_a_range_that_is_none_is_refused(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        SelfBlend(**option)
