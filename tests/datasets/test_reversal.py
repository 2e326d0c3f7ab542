import numpy as np
import pytest
from builders import make_video, read_index
from mmengine.dataset import Compose

import mmdeepfake.datasets  # noqa: F401
from mmdeepfake.datasets.transforms.reversal import ReverseTime
from mmdeepfake.errors import ConfigError


def decode(path, reverse_ratio):
    pipeline = Compose(
        [
            dict(type='OpenVideo'),
            dict(type='SampleSnippets', num_snippets=3, clip_len=2, position='centred'),
            dict(type='ReverseTime', reverse_ratio=reverse_ratio),
            dict(type='DecodeFrames'),
        ]
    )
    return pipeline({'filename': str(path), 'modality': 'RGB', 'start_index': 0})


def test_frames_indices_and_times_are_reversed_together(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=14)
    forth, back = decode(path, 0), decode(path, 1)
    seen = [read_index(frame) for frame in forth['imgs']]
    assert seen == forth['frame_inds'].tolist() == sorted(seen)
    assert [read_index(frame) for frame in back['imgs']] == seen[::-1]
    assert back['frame_inds'].tolist() == seen[::-1]
    times = forth['frame_times_seconds'][::-1]
    np.testing.assert_array_equal(back['frame_times_seconds'], times)
    assert (back['num_clips'], back['clip_len']) == (3, 2)


def test_it_is_drawn_anew_at_the_given_ratio():
    reverse = ReverseTime(reverse_ratio=0.25)
    inds = np.arange(4)
    drawn = [reverse({'frame_inds': inds})['frame_inds'][0] == 3 for _ in range(2000)]
    assert 0.2 < np.mean(drawn) < 0.3
    assert inds.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize('ratio', [-0.1, 1.5])
def test_invalid_ratio_is_rejected(ratio):
    with pytest.raises(ConfigError, match=f'reverse_ratio={ratio}'):
        ReverseTime(reverse_ratio=ratio)
