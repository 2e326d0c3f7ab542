import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from landmark_builders import draw_landmarks, write_landmarks

from mmdeepfake.commands.co_motion_adaboost import run_co_motion
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.evaluation import read_predictions
from mmdeepfake.structures import FaceTrack, VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter
from mmdeepfake.video.clip_storage import ClipWriter

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CONFIG = CONFIGS / 'miniff/co_motion_miniff_faces.py'
SIDE, NUM_FRAMES = 64, 12
METHODS = ('real', 'Deepfakes')


def film(label, seed):
    """Eyes and mouth that move together (real) or against each other (fake)."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 2)
    picture = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    columns, rows = np.meshgrid(*2 * (np.arange(SIDE, dtype=np.float32),))
    below = np.clip((rows - 0.45 * SIDE) / (0.2 * SIDE), 0, 1)
    sign = 1 - 2 * below if label else 1 - 0.5 * below
    for shift in 1.5 * np.sin(np.arange(NUM_FRAMES) + rng.uniform(0, 6)):
        moved = (columns - np.float32(shift) * sign).astype(np.float32)
        frame = cv2.remap(picture, moved, rows, cv2.INTER_LINEAR)
        yield np.repeat(frame[..., None], 3, axis=2)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three real and three fake face clips with landmarks in two splits."""
    root = tmp_path_factory.mktemp('co_motion')
    points = draw_landmarks(NUM_FRAMES, side=SIDE, moving=0)
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for number in range(12):
            split, label = ('train', 'test')[number // 6], number % 2
            with ClipWriter(root / f'{number}', 'png', fps=25) as writer:
                # The test shows what was trained on, so that its order is certain.
                for frame in film(label, number % 6):
                    writer.write(frame)
            write_landmarks(root / f'{number}_points.npz', points)
            boxes = np.array([[0, 0, SIDE, SIDE]] * NUM_FRAMES, np.float32)
            FaceTrack(boxes).save(root / f'{number}_track.npz')
            manifest.append(
                VideoRecord(
                    VideoKey('MiniFF', label, METHODS[label], 'c40', f'{number}'),
                    writer.path.name,
                    split,
                    identities=(f'{number}',),
                    num_frames=NUM_FRAMES,
                    landmarks=f'{number}_points.npz',
                    track_file=f'{number}_track.npz',
                )
            )
    return root


def run(root, work_dir, *, config=CONFIG, stumps=None, **options):
    options['train_dataloader.dataset.pipeline.5.flip_ratio'] = 0.0
    for loader in ('train', 'test'):
        options |= {
            f'{loader}_dataloader.dataset.data_root': str(root),
            f'{loader}_dataloader.dataset.methods': ['Deepfakes'],
            f'{loader}_dataloader.dataset.pipeline.1.clip_len': NUM_FRAMES,
            f'{loader}_dataloader.num_workers': 0,
            f'{loader}_dataloader.persistent_workers': False,
        }
    run_co_motion(
        argparse.Namespace(
            config=str(config),
            cfg_options=options,
            work_dir=str(work_dir),
            stumps=stumps,
            num_stumps=5,
            seed=0,
        )
    )
    return json.loads((work_dir / 'metrics.json').read_text())


def test_stumps_are_fitted_kept_and_tested(root, tmp_path, capsys):
    record = run(root, tmp_path / 'fit')
    assert record['all']['auc'] == 1
    assert record['score_rule'] == 'mean over patterns of P(fake) by boosted stumps'
    assert f'stumps: {tmp_path / "fit/stumps.npz"}' in capsys.readouterr().out
    scores = read_predictions(tmp_path / 'fit/predictions.csv')
    assert len(scores) == 6
    again = run(root, tmp_path / 'again', stumps=str(tmp_path / 'fit/stumps.npz'))
    assert again['predictions']['sha256'] == record['predictions']['sha256']
    assert again['checkpoint'].endswith('fit/stumps.npz')


def test_stumps_of_other_patterns_are_refused(root, tmp_path):
    stumps = tmp_path / 'other.npz'
    one = np.ones(1)
    np.savez(
        stumps,
        features=np.array([9999]),
        thresholds=one,
        votes_below=-one,
        votes_above=one,
        weights=one,
    )
    with pytest.raises(DataError, match=r'feature 9999.* 5151'):
        run(root, tmp_path, stumps=str(stumps))


def test_config_without_patterns_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match=r'r18_miniff\.py has no CoMotion'):
        run_co_motion(
            argparse.Namespace(
                config=str(CONFIGS / 'miniff/resnet_r18_miniff.py'),
                cfg_options=None,
                work_dir=str(tmp_path),
                stumps=None,
                num_stumps=5,
                seed=0,
            )
        )
