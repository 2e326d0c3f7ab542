import cv2
import numpy as np
import pytest
from builders import make_clip
from config_reading import read_config
from landmark_builders import draw_landmarks, write_landmarks
from oracles.mmst_map_in_loops import align
from oracles.mmst_map_in_loops import mean_colours as mean_colours_in_loops

from mmdeepfake.datasets.transforms.mmst_map import (
    BuildMMSTMap,
    apply_matrices,
    cut_out_faces,
    face_outlines,
    level_eyes,
    mean_colours,
)
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter

SIDE_PX = 96


def draw_face_points():
    """Return 68 points of a face in the middle of an image of 96 x 96."""
    points = np.zeros((68, 2), np.float32)
    for index in range(17):  # the jaw, from the right ear over the chin
        angle = np.pi * (1 - index / 16)
        points[index] = 48 + 30 * np.cos(angle), 44 + 36 * np.sin(angle)
    points[17:27] = [(24 + 5 * i, 34) for i in range(10)]
    points[27:36] = [(48, 40 + 2 * i) for i in range(9)]
    ring = [(-5, 0), (-2, -3), (2, -3), (5, 0), (2, 3), (-2, 3)]
    points[36:42] = [(35 + x, 42 + y) for x, y in ring]
    points[42:48] = [(61 + x, 42 + y) for x, y in ring]
    points[48:68] = [(40 + i, 66) for i in range(20)]
    return points


def draw_face_image():
    """Smooth colours, none of them black."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    waves = 40 * np.sin(rows / 7) + 40 * np.cos(columns / 8)
    channels = (120 + waves, 150 - 0.5 * waves, 130 + 0.7 * waves)
    return np.stack(channels, axis=-1).clip(20, 255).astype(np.uint8)


def move(points, *, degrees, scale, shift):
    """Return moved points and the matrix that moves pixels likewise."""
    matrix = cv2.getRotationMatrix2D((48, 48), degrees, scale)
    matrix[:, 2] += shift
    return points @ matrix[:, :2].T + matrix[:, 2], matrix


def make_results(num_frames=60, fps=30.0, *, moving=False, **options):
    frames, points = [draw_face_image()] * num_frames, [draw_face_points()]
    points *= num_frames
    if moving:
        frames[1:], points[1:] = zip(
            *(
                (cv2.warpAffine(draw_face_image(), matrix, (SIDE_PX, SIDE_PX)), moved)
                for t in range(1, num_frames)
                for moved, matrix in [
                    move(
                        draw_face_points(),
                        degrees=4 * np.sin(t),
                        scale=1 + 0.03 * np.cos(t),
                        shift=(np.sin(t / 2), np.cos(t / 3)),
                    )
                ]
            ),
            strict=True,
        )
    return dict(
        imgs=frames,
        face_landmarks=np.array(points, np.float32),
        num_clips=1,
        clip_len=num_frames,
        frame_inds=np.arange(num_frames),
        avg_fps=fps,
        filename='a.mp4',
    ) | dict(options)


def test_mean_colours_match_the_loops():
    frames = np.random.default_rng(0).uniform(0, 255, (2, 17, 23, 3))
    expected = [mean_colours_in_loops(frame.tolist(), 5) for frame in frames]
    found = mean_colours(frames, num_cells_a_side=5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_alignment_matches_complex_arithmetic():
    rng = np.random.default_rng(0)
    points = np.stack(
        [
            move(
                draw_face_points(),
                degrees=rng.uniform(-40, 40),
                scale=rng.uniform(0.5, 2),
                shift=rng.uniform(-9, 9, 2),
            )[0]
            for _ in range(4)
        ]
    )
    expected = align([[complex(x, y) for x, y in frame] for frame in points])
    found = apply_matrices(level_eyes(points), points)
    np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], expected, atol=1e-4)
    right, left = found[:, 36:42].mean(axis=1), found[:, 42:48].mean(axis=1)
    np.testing.assert_allclose(right[:, 1], left[:, 1], atol=1e-4)  # level


def test_eyes_at_one_point_are_rejected():
    points = np.stack([draw_face_points()] * 3)
    points[1, 42:48] = points[1, 36:42]
    with pytest.raises(DataError, match='frame 1 of the clip'):
        level_eyes(points)


def test_outline_goes_along_the_jaw_and_above_the_brows():
    outline = face_outlines(draw_face_points()[None])[0]
    np.testing.assert_array_equal(outline[:17], draw_face_points()[:17])
    # From the brows, 34, as far up as 0.3 of the way to the chin, 80.
    np.testing.assert_allclose(outline[17:, 1], 34 - 0.3 * (80 - 34), atol=1e-4)
    assert (np.diff(outline[17:, 0]) < 0).all()  # back from left to right


def test_background_and_eyes_are_black_and_skin_is_not():
    faces = cut_out_faces(draw_face_image()[None], draw_face_points()[None])
    _, height, width, _ = faces.shape
    assert height % 10 == width % 10 == 0
    # The face is 60 wide, and 46 + 0.3 * 46 high.
    assert (width, height) == (70, 60 if height == 60 else 70)
    scale = np.array([(width - 1) / 60, (height - 1) / (80 - 20.2)])
    eye = np.rint((np.array([35, 42]) - (18, 20.2)) * scale).astype(int)
    cheek = np.rint((np.array([35, 58]) - (18, 20.2)) * scale).astype(int)
    assert not faces[0, eye[1], eye[0]].any()
    assert faces[0, cheek[1], cheek[0]].all()
    for corner in ((0, 0), (-1, 0), (-1, -1)):
        assert not faces[0][corner].any()


def test_a_face_that_moves_is_cut_out_as_one_that_does_not():
    """Motion of the head goes, but for what interpolation leaves."""
    moving = make_results(30, moving=True)
    faces = cut_out_faces(np.stack(moving['imgs']), moving['face_landmarks'])
    inside = faces.min(axis=(0, 3)) > 0
    assert inside.mean() > 0.4
    away = np.abs(faces.astype(float) - faces[0]).max(axis=(0, 3))[inside]
    frames = np.stack(moving['imgs']).astype(float)
    unaligned = np.abs(frames - frames[0]).max(axis=(0, 3))
    assert np.median(away) < np.median(unaligned) / 4


@pytest.mark.parametrize('aligned', [True, False])
def test_a_still_video_has_a_map_of_equal_rows(aligned):
    results = BuildMMSTMap(aligned=aligned, top_value=255).transform(make_results())
    maps = results['imgs']
    assert maps.shape == BuildMMSTMap().packed_shape(1, 60) == (1, 3, 60, 25)
    assert maps.dtype == np.float32
    assert results['img_shape'] == (60, 25)
    np.testing.assert_allclose(maps, np.repeat(maps[:, :, :1], 60, axis=2), atol=1e-2)
    assert maps[0, :, 0].std() > 1  # cells differ


@pytest.mark.parametrize(('hertz', 'growth'), [(1.2, 11), (5.0, 1)])
def test_a_pulse_of_the_skin_is_magnified_in_the_map(hertz, growth):
    """In the public code's order of colours, within the rounding of bytes."""
    results = make_results(300)
    swing = 6 * np.sin(2 * np.pi * hertz * np.arange(300) / 30)
    shifted = np.stack(results['imgs']).astype(float)
    shifted[..., 1] += swing[:, None, None]  # green alone
    results['imgs'] = list(np.rint(shifted).clip(0, 255).astype(np.uint8))
    ranges = []
    for amplification in (0, 10):
        step = BuildMMSTMap(aligned=False, amplification=amplification, top_value=255)
        maps = step.transform(dict(results))['imgs'][0]
        ranges.append(maps.max(axis=1) - maps.min(axis=1))  # (3, 25)
    np.testing.assert_allclose(ranges[1][1], growth * ranges[0][1], rtol=0.02)
    assert ranges[0][1].min() > 9
    assert ranges[1][[0, 2]].max() < 0.5


def test_colours_stand_blue_first_row_by_row():
    results = make_results(45)
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[:10, 10:20] = (200, 100, 50)  # red, green, blue: second cell
    picture[10:20, :10] = (30, 20, 10)  # sixth
    results['imgs'] = [picture] * 45
    step = BuildMMSTMap(aligned=False, top_value=255)
    maps = step.transform(dict(results))['imgs'][0]
    expected = np.zeros((3, 25))
    expected[:, 1], expected[:, 5] = (50, 100, 200), (10, 20, 30)
    np.testing.assert_allclose(maps[:, 7], expected, atol=1e-3)
    scaled = BuildMMSTMap(aligned=False).transform(dict(results))['imgs'][0]
    np.testing.assert_allclose(scaled, maps / 255, atol=1e-6)


def test_snippets_are_built_one_by_one():
    both = make_results(60)
    both.update(num_clips=2, clip_len=30)
    both['imgs'] = [*both['imgs'][:30], *(255 - frame for frame in both['imgs'][30:])]
    half = make_results(30, imgs=both['imgs'][30:])
    maps = BuildMMSTMap().transform(both)['imgs']
    assert maps.shape == (2, 3, 30, 25)
    np.testing.assert_array_equal(maps[1], BuildMMSTMap().transform(half)['imgs'][0])


KEY = VideoKey('FaceForensics++', 1, 'Deepfakes', 'c40', '000_003')


def with_scores(folder, scores, **options):
    path = folder / 'c40/Deepfakes/000_003.npy'
    path.parent.mkdir(parents=True)
    np.save(path, scores)
    results = make_results(40, video_key=KEY, **options)
    return BuildMMSTMap(aligned=False, score_root=str(folder)).transform(results)


def test_scores_of_frames_become_a_channel(tmp_path):
    scores = np.linspace(0, 1, 50)
    scores[12] = np.nan
    results = with_scores(tmp_path, scores, frame_inds=np.arange(10, 50))
    assert results['imgs'].shape == (1, 4, 40, 25)
    expected = np.where(np.isnan(scores), 0.5, scores)[10:]
    for cell in (0, 24):
        np.testing.assert_allclose(results['imgs'][0, 3, :, cell], expected, rtol=1e-6)
    step = BuildMMSTMap(score_root='anywhere')
    assert step.packed_shape(1, 300) == (1, 4, 300, 25)


@pytest.mark.parametrize(
    ('scores', 'message'),
    [
        (np.zeros(39), r'shape \(39,\), .* 39 was sampled'),
        (np.zeros((40, 2)), r'shape \(40, 2\)'),
        (np.full(40, 1.5), r'from 1\.5 to 1\.5'),
    ],
)
def test_invalid_scores_are_rejected(tmp_path, scores, message):
    with pytest.raises(DataError, match=message):
        with_scores(tmp_path, scores)


def test_missing_scores_are_named(tmp_path):
    step = BuildMMSTMap(aligned=False, score_root=str(tmp_path))
    with pytest.raises(DataNotFoundError, match=r'Deepfakes/000_003\.npy'):
        step.transform(make_results(40, video_key=KEY))


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        (dict(avg_fps=None), DataError, r"'a\.mp4' .*frame rate"),
        (dict(frame_interval=2), ConfigError, 'frame_interval=2'),
    ],
)
def test_unsuitable_frames_are_rejected(changes, error, message):
    with pytest.raises(error, match=message):
        BuildMMSTMap().transform(make_results(**changes))


def test_invalid_argument_is_rejected():
    with pytest.raises(ConfigError, match='BuildMMSTMap: amplification=-1'):
        BuildMMSTMap(amplification=-1)


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """Two videos that DeepRhythm can use, and one that is a frame too short."""
    root = tmp_path_factory.mktemp('faces')
    write_landmarks(root / 'points.npz', draw_landmarks(300, side=16, moving=0.2))
    make_clip(root / '300', num_frames=300, size=(16, 16))
    make_clip(root / '299', num_frames=299, size=(16, 16))
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for number, num_frames in enumerate((300, 300, 299)):
            key = VideoKey(
                'A', number % 2, ('real', 'FaceSwap')[number % 2], 'c40', f'{number}'
            )
            facts = dict(num_frames=num_frames, landmarks='points.npz')
            facts['identities'] = (key.name,)
            manifest.append(VideoRecord(key, f'{num_frames}.tar', 'train', **facts))
    return root


def test_config_turns_prepared_faces_into_maps(prepared):
    dataset = read_config('baselines/deep_rhythm_ffpp_lq.py').train_dataloader.dataset
    dataset.update(data_root=str(prepared), methods=['FaceSwap'])
    dataset = DATASETS.build(dataset)
    assert len(dataset) == 2
    inputs = dataset[0]['inputs']
    assert inputs.shape == (1, 3, 300, 25)
    assert 0 <= inputs.min() < inputs.max() <= 1
