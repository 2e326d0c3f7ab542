"""Evidence in single frames and over time, measured on decoded videos."""

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmdeepfake.miniff import MiniFFSettings, render_miniff
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.miniff.render import render_job
from mmdeepfake.miniff.settings import METHODS
from mmdeepfake.miniff.temporal_statistic import measure_jitter
from mmdeepfake.miniff.video_jobs import list_jobs

REGIONS = (  # rows and columns of a 128 px frame: face, eyes, mouth, background
    np.s_[46:100, 38:90],
    np.s_[50:72, 38:90],
    np.s_[76:98, 46:82],
    np.s_[0:128, 0:20],
)


def describe_frame(frame):
    """Sharpness and colour of the regions of one frame: (28,)."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.Laplacian(grey, cv2.CV_32F) ** 2
    coarse = (grey - cv2.GaussianBlur(grey, (0, 0), 2)) ** 2
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32)
    values = []
    for region in REGIONS:
        values += [np.log(e[region].mean() + 0.1) for e in (fine, coarse)]
        values += [np.log(np.median(fine[region]) + 0.1), grey[region].std()]
        values += list(lab[region].mean(axis=(0, 1)))
    return values


def read_split(root, settings, level, split='train'):
    """(decoded frames, method or 'real', person) of each video of a split."""
    for job in list_jobs(settings):
        if job.target.split == split:
            frames = decode_video(job.video_path(root, level))
            yield frames, job.method or 'real', job.target.person_index


def measure_jitter_aucs(root, settings, level):
    """AUC of the temporal statistic for each method, and for all."""
    measured = [(m, measure_jitter(f)) for f, m, _ in read_split(root, settings, level)]
    aucs = {}
    for methods in (*((method,) for method in settings.methods), settings.methods):
        chosen = [(m != 'real', s) for m, s in measured if m in ('real', *methods)]
        aucs['+'.join(methods)] = roc_auc_score(*zip(*chosen, strict=True))
    return aucs


def probe_frames(root, settings, level, frame_step):
    """AUC of a linear classifier of single frames, over persons it never saw."""
    features, labels, persons = [], [], []
    for frames, method, person in read_split(root, settings, level):
        for frame in frames[::frame_step]:
            features.append(describe_frame(frame))
            labels.append(method != 'real')
            persons.append(person)
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight='balanced', max_iter=1000)
    )
    scores = cross_val_predict(
        probe,
        np.array(features),
        np.array(labels),
        groups=persons,
        cv=GroupKFold(4),
        method='decision_function',
    )
    return roc_auc_score(labels, scores)


def render_train(root, cues, num_persons, num_frames):
    settings = MiniFFSettings(
        num_identities=(num_persons, 2, 2), num_frames=num_frames, cues=cues
    )
    render_miniff(root, settings, num_workers=2, progress=False)
    return settings


def test_time_separates_real_from_fake_in_a_few_videos(tmp_path):
    settings = MiniFFSettings(
        num_identities=(4, 2, 2), num_frames=6, cues='temporal', compressions=('c40',)
    )
    for job in list_jobs(settings):
        if job.target.split == 'train':
            render_job(job, tmp_path, settings)
    aucs = measure_jitter_aucs(tmp_path, settings, 'c40')
    assert aucs['+'.join(METHODS)] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize('cues', ['both', 'temporal'])
def test_time_separates_each_method_at_each_compression(tmp_path, cues):
    settings = render_train(tmp_path, cues, num_persons=40, num_frames=32)
    for level in settings.compressions:
        aucs = measure_jitter_aucs(tmp_path, settings, level)
        print(f'{cues} {level}: {aucs}')
        assert aucs['+'.join(METHODS)] >= 0.95
        assert min(aucs.values()) >= 0.9


@pytest.mark.slow
def test_single_frames_hold_no_evidence_with_temporal_cues(tmp_path):
    settings = render_train(tmp_path, 'temporal', num_persons=60, num_frames=12)
    for level in settings.compressions:
        auc = probe_frames(tmp_path, settings, level, frame_step=3)
        print(f'temporal {level}: frame probe {auc:.3f}')
        assert 0.4 < auc < 0.6


@pytest.mark.slow
def test_single_frames_hold_some_evidence_with_both_cues(tmp_path):
    settings = render_train(tmp_path, 'both', num_persons=60, num_frames=12)
    for level in settings.compressions:
        auc = probe_frames(tmp_path, settings, level, frame_step=3)
        print(f'both {level}: frame probe {auc:.3f}')
        assert 0.6 < auc < 0.9


def test_still_and_evenly_moving_images_have_little_jitter():
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 2, (64, 1, 3))
    still = np.stack([ramp] * 8)
    moving = np.stack([np.roll(ramp, t, axis=1) for t in range(8)])[:, :, 8:]
    shaking = np.stack([np.roll(ramp, 4 * (t % 2), axis=1) for t in range(8)])
    assert measure_jitter(still) == pytest.approx(np.log(0.1))
    assert measure_jitter(moving) < measure_jitter(shaking) - 2


def test_one_cut_is_no_jitter():
    dark = np.zeros((8, 64, 64, 3), np.uint8)
    cut = dark.copy()
    cut[4:] = 200
    assert measure_jitter(cut) == pytest.approx(measure_jitter(dark))


def test_too_few_frames_for_jitter_are_refused():
    with pytest.raises(ValueError, match=r'shape \(2, 8, 8, 3\)'):
        measure_jitter(np.zeros((2, 8, 8, 3), np.uint8))
