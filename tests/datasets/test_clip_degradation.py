import numpy as np
import pytest
from pseudo_fake_builders import draw_clip

from mmdeepfake.datasets.transforms import DegradeClip
from mmdeepfake.datasets.transforms.clip_degradation import encode_and_decode
from mmdeepfake.errors import ConfigError
from mmdeepfake.structures import VideoKey

STEPS = ('focus', 'light', 'resize', 'blur', 'colour', 'noise', 'jpeg', 'h264')
NEVER = dict.fromkeys(STEPS, 0.0)
KEY = VideoKey('A', 0, 'real', 'as_is', 'v')


def run(seed=0, frames=None, key=KEY, **options):
    frames = draw_clip(8)[0] if frames is None else frames
    np.random.seed(seed)
    results = dict(imgs=list(frames), clip_len=4, video_key=key)
    return np.stack(DegradeClip(**options).transform(results)['imgs'])


@pytest.mark.parametrize('size', [(64, 64), (37, 51)])
def test_light_compression_keeps_the_frames_in_order(size):
    frames = [np.full((*size, 3), 30 + 40 * i, np.uint8) for i in range(5)]
    decoded = encode_and_decode(frames, crf=10)
    assert [frame.shape for frame in decoded] == [(*size, 3)] * 5
    np.testing.assert_allclose(decoded, frames, atol=4)


def test_stronger_compression_loses_more():
    frames = list(draw_clip(4)[0])
    errors = [
        np.abs(np.stack(encode_and_decode(frames, crf=crf)).astype(int) - frames).mean()
        for crf in (15, 30, 45)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_without_a_step_nothing_changes():
    np.testing.assert_array_equal(run(**NEVER), draw_clip(8)[0])


@pytest.mark.parametrize('step', NEVER)
def test_step_is_the_same_for_every_frame_and_repeatable(step):
    frames = np.repeat(draw_clip(1)[0], 8, axis=0)
    options = {**NEVER, step: 1.0}
    found = run(frames=frames, **options)
    assert found.dtype == np.uint8 and (found != frames).any()
    np.testing.assert_array_equal(found, run(frames=frames, **options))
    if step not in ('noise', 'h264'):
        np.testing.assert_array_equal(found, found[:1].repeat(8, axis=0))
    assert (found != run(1, frames=frames, **options)).any()


def test_a_blurred_background_leaves_the_middle_as_it_is():
    frames = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    found = run(frames=frames, **{**NEVER, 'focus': 1.0})
    np.testing.assert_array_equal(found[:, 24:40, 26:38], frames[:, 24:40, 26:38])
    assert found[:, :8, :8].std() < 0.8 * frames[:, :8, :8].std()


def test_fixed_draws_are_those_of_the_video_and_its_pseudo_fakes():
    fake = KEY._replace(label=1, method='SelfBlend')
    first = run(0, fixed=True)
    np.testing.assert_array_equal(first, run(1, fixed=True, key=fake))
    others = [run(fixed=True, key=KEY._replace(name=name)) for name in 'wxyz']
    assert any((first != other).any() for other in others)


def test_frames_of_several_sizes_are_refused():
    frames = [np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)]
    with pytest.raises(ConfigError, match='put Resize before'):
        DegradeClip().transform(dict(imgs=frames, clip_len=2))
