import dataclasses

import numpy as np
import pytest

from mmdeepfake.miniff import MiniFFSettings
from mmdeepfake.miniff.cast import pair_clips, perform
from mmdeepfake.miniff.forgery import (
    draw_spatial_traces,
    forge,
    leave_traces,
    mask_region,
    weigh_region,
)
from mmdeepfake.miniff.frames import ClipRenderer
from mmdeepfake.miniff.render import render_frames
from mmdeepfake.miniff.settings import METHODS
from mmdeepfake.miniff.video_jobs import VideoJob

SETTINGS = MiniFFSettings(
    num_identities=(2, 2, 2), num_frames=6, size_px=64, cues='temporal'
)


@pytest.fixture(scope='module')
def pair():
    return pair_clips(SETTINGS)['train'][0]


def make_renderer(performance):
    return ClipRenderer(performance, size_px=64, temporal_strength=4.0)


@pytest.fixture(scope='module')
def real_and_forged(pair):
    """Renderers of a real clip and of each forgery of it, by method."""
    target, source = (perform(SETTINGS, clip) for clip in pair)
    renderers = {
        method: make_renderer(forge(target, source, method, np.random.default_rng(7)))
        for method in METHODS
    }
    return make_renderer(target), renderers


@pytest.mark.parametrize('method', METHODS)
def test_change_stays_within_the_forged_region(real_and_forged, method):
    real, forged = real_and_forged[0], real_and_forged[1][method]
    changes, inside_means = [], []
    for frame_index in (1, 3, 5):
        plane = real.locate_face(frame_index)
        change = np.abs(
            real.render_frame(frame_index, plane)
            - forged.render_frame(frame_index, plane)
        ).mean(axis=2)
        mask = mask_region(plane, method) > 0
        changes.append(change[weigh_region(plane, method) == 0].mean())
        inside_means.append(change[mask].mean())
    # Jaw and lids may move slightly outside; the head itself never does.
    assert np.mean(inside_means) > 0.02
    assert np.mean(changes) < 0.1 * np.mean(inside_means)


def test_only_the_mouth_changes_in_neural_textures(real_and_forged):
    plane = real_and_forged[0].locate_face(0)
    mouth = mask_region(plane, 'NeuralTextures')
    face = mask_region(plane, 'Deepfakes')
    assert 0 < mouth.sum() < 0.5 * face.sum()
    assert np.average(plane.y, weights=mouth) > 0.5
    assert set(np.unique(mouth)) == {0, 255}


@pytest.mark.parametrize('method', ['Deepfakes', 'FaceSwap'])
def test_swap_takes_the_inner_face_and_leaves_head_and_motion(pair, method):
    target, source = (perform(SETTINGS, clip) for clip in pair)
    forged = forge(target, source, method, np.random.default_rng(0))
    assert forged.inner is source.inner
    assert forged.outer is target.outer
    assert forged.expression is target.expression
    assert forged.pose is target.pose


def test_face2face_shows_the_sources_expression_each_frame_twice(pair):
    target, source = (perform(SETTINGS, clip) for clip in pair)
    forged = forge(target, source, 'Face2Face', np.random.default_rng(0))
    smile = source.expression['smile']
    assert forged.inner is target.inner
    np.testing.assert_array_equal(forged.expression['smile'], smile[[0, 0, 2, 2, 4, 4]])


def test_neural_textures_takes_the_sources_mouth_alone(pair):
    target, source = (perform(SETTINGS, clip) for clip in pair)
    forged = forge(target, source, 'NeuralTextures', np.random.default_rng(0))
    assert forged.expression['mouth_open'] is source.expression['mouth_open']
    assert forged.expression['gaze_x'] is target.expression['gaze_x']


def test_temporal_cues_are_both_cues_without_spatial_strength(pair):
    job = VideoJob(*pair, 'FaceSwap')
    weak = dataclasses.replace(SETTINGS, cues='both', spatial_strength=0.0)
    strong = dataclasses.replace(SETTINGS, cues='both', spatial_strength=3.0)
    temporal, no_traces, traces = (
        render_frames(job, s)[0].astype(int) for s in (SETTINGS, weak, strong)
    )
    assert np.abs(temporal - no_traces).max() <= 1
    assert np.abs(temporal - traces).mean() > 0.5


def test_traces_stay_within_the_region():
    rng = np.random.default_rng(0)
    frame, noise = rng.random((2, 32, 32, 3)).astype(np.float32)
    weight = np.zeros((32, 32), np.float32)
    weight[:, 16:] = 1
    traces = draw_spatial_traces(rng, 1.0)
    left = leave_traces(frame, noise, weight, traces)
    np.testing.assert_allclose(left[:, :16], (frame + noise)[:, :16], rtol=1e-5)
    assert np.abs(left - frame - noise)[:, 16:].mean() > 0.01
